"""The same network and step in PyTorch: channels last; on a GPU, torch.compile and autocast."""

import torch
from torch import nn
from torch.nn import functional

from tests.benchmarks.alternatives import random_batch, serve, work

_MEAN = (103.939, 116.779, 123.68)


class Bottleneck(nn.Module):
    """A block of ResNet v1: its first convolution strides; as in torchvision, no biases."""

    def __init__(self, channels: int, features: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, features, 1, stride, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)
        self.conv3 = nn.Conv2d(features, 4 * features, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * features)
        self.shortcut = nn.Identity()
        if channels != 4 * features:
            conv = nn.Conv2d(channels, 4 * features, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(4 * features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = functional.relu(self.bn2(self.conv2(y)), inplace=True)
        return functional.relu(self.bn3(self.conv3(y)) + self.shortcut(x), inplace=True)


class ResNetLSTM(nn.Module):
    """ResNet-50 on every frame, LSTM(256) over them, one logit."""

    def __init__(self):
        super().__init__()
        layers = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = 64
        for stage, blocks in enumerate((3, 4, 6, 3)):
            for index in range(blocks):
                features = 64 * 2**stage
                layers.append(Bottleneck(channels, features, 2 if stage and not index else 1))
                channels = 4 * features
        self.encoder = nn.Sequential(*layers)
        self.lstm = nn.LSTM(channels, 256, batch_first=True)
        self.head = nn.Linear(256, 1)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        b, t, h, w, _ = clips.shape
        # NHWC memory seen as NCHW is what PyTorch calls channels last.
        frames = clips.view(b * t, h, w, 3).permute(0, 3, 1, 2).float() - self.mean
        features = self.encoder(frames).mean((2, 3)).float()
        states, _ = self.lstm(features.view(b, t, -1))
        return self.head(states[:, -1])[:, 0]


def main() -> None:
    """Serves steps."""
    todo = work()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    model = ResNetLSTM().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    run = torch.compile(model) if device.type == "cuda" else model
    clips, labels = (torch.from_numpy(array) for array in random_batch(**todo))
    if device.type == "cuda":
        clips, labels = clips.pin_memory(), labels.pin_memory()
    half = todo["precision"] == "bfloat16"

    def logits() -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            return run(clips.to(device, non_blocking=True)).float()

    def train() -> float:
        model.train()
        target = labels.to(device, non_blocking=True)
        loss = functional.binary_cross_entropy_with_logits(logits(), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    def forward() -> torch.Tensor:
        model.eval()
        with torch.inference_mode():
            return logits().cpu()

    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    serve(train if todo["kind"] == "train" else forward, f"{name}, torch {torch.__version__}")


if __name__ == "__main__":
    main()
