"""What the program runs on: devices, processes, memory, and forms for one processor."""
