"""What the program runs on: devices, processes, memory, and code for one kind of processor."""
