"""The same network and step in PyTorch: channels last; on a GPU, torch.compile and autocast."""

import torch
from torch import nn
from torch.nn import functional

from tests.benchmarks.alternatives import random_batch, serve, work

_MEAN = (103.939, 116.779, 123.68)
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


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


class ClipMean(nn.Module):
    """CLIP's ViT-L/14 with random weights on every frame, the mean, one logit.

    Only layer norms and the head learn; attention is PyTorch's scaled_dot_product_attention.
    """

    def __init__(self):
        super().__init__()
        import transformers

        config = transformers.CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            patch_size=14,
            attn_implementation="sdpa",
        )
        self.encoder = transformers.CLIPVisionModel(config)
        for name, parameter in self.encoder.named_parameters():
            parameter.requires_grad = "norm" in name or "layrnorm" in name
        self.head = nn.Linear(1024, 1)
        for buffer, values in (("mean", _CLIP_MEAN), ("std", _CLIP_STD)):
            self.register_buffer(buffer, 255 * torch.tensor(values).view(1, 3, 1, 1))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        b, t, h, w, _ = clips.shape
        frames = clips.view(b * t, h, w, 3).permute(0, 3, 1, 2)
        features = self.encoder((frames.float() - self.mean) / self.std).pooler_output
        return self.head(features.float().view(b, t, -1).mean(1))[:, 0]


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
    model = ClipMean() if todo["network"] == "clip_vit_l14" else ResNetLSTM()
    model = model.to(device, memory_format=torch.channels_last)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(learning, 1e-3, fused=True)
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

    def memory() -> float | None:
        return torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None

    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    step = train if todo["kind"] == "train" else forward
    serve(step, f"{name}, torch {torch.__version__}", memory)


if __name__ == "__main__":
    main()
