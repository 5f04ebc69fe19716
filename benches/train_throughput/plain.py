"""A plain PyTorch training loop of IFRNet-S: what the trainer's throughput is measured against.

Written as one writes such a loop: modules, autocast, torch.optim.AdamW, one batch that stays on the device.
Prints one line of JSON: the seconds of every step, in order, and the losses of the last.
"""

import argparse
import json
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

ENCODER = (24, 36, 54, 72)
DECODER = {4: 144, 3: 162, 2: 108, 1: 72}
SIDE = 24


def conv_prelu(inputs, outputs, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.PReLU(outputs))


def resize(x, factor):
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def warp(image, flow):
    height, width = image.shape[2:]
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height, device=image.device),
        torch.linspace(-1, 1, width, device=image.device),
        indexing="ij",
    )
    scale = torch.tensor([2 / (width - 1), 2 / (height - 1)], device=image.device)
    grid = torch.stack((x, y), -1) + flow.permute(0, 2, 3, 1) * scale
    return F.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=True)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = conv_prelu(width, width)
        self.conv2 = conv_prelu(SIDE, SIDE)
        self.conv3 = conv_prelu(width, width)
        self.conv4 = conv_prelu(SIDE, SIDE)
        self.conv5 = nn.Conv2d(width, width, 3, 1, 1)
        self.prelu = nn.PReLU(width)

    def forward(self, x):
        y = self.conv1(x)
        y = torch.cat((y[:, :-SIDE], self.conv2(y[:, -SIDE:])), 1)
        y = self.conv3(y)
        y = torch.cat((y[:, :-SIDE], self.conv4(y[:, -SIDE:])), 1)
        return self.prelu(x + self.conv5(y))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        widths = (3, *ENCODER)
        self.levels = nn.ModuleList(
            nn.Sequential(conv_prelu(a, b, 2), conv_prelu(b, b)) for a, b in zip(widths, widths[1:])
        )

    def forward(self, x):
        features = []
        for level in self.levels:
            x = level(x)
            features.append(x)
        return features


def decoder(inputs, level):
    width = DECODER[level]
    outputs = 8 if level == 1 else 4 + ENCODER[level - 2]
    return nn.Sequential(
        conv_prelu(inputs, width), Residual(width), nn.ConvTranspose2d(width, outputs, 4, 2, 1)
    )


class IFRNet(nn.Module):
    def __init__(self, cast):
        super().__init__()
        self.cast = cast
        self.encoder = Encoder()
        self.decoder4 = decoder(2 * ENCODER[3] + 1, 4)
        self.decoder3 = decoder(3 * ENCODER[2] + 4, 3)
        self.decoder2 = decoder(3 * ENCODER[1] + 4, 2)
        self.decoder1 = decoder(3 * ENCODER[0] + 4, 1)

    def forward(self, img0, img1, t, target):
        mean = torch.cat((img0, img1), 2).mean((1, 2, 3), keepdim=True)
        img0, img1 = img0 - mean, img1 - mean
        with self.cast():
            f0, f1, truth = self.encoder(img0), self.encoder(img1), self.encoder(target - mean)
            plane = t.expand(-1, 1, *f0[3].shape[2:])
            out = self.decoder4(torch.cat((f0[3], f1[3], plane), 1))
        flows, features = {4: out[:, :4].float()}, {4: out[:, 4:]}
        for level, decode in ((3, self.decoder3), (2, self.decoder2), (1, self.decoder1)):
            flow = flows[level + 1]
            warped0 = warp(f0[level - 1].float(), flow[:, :2])
            warped1 = warp(f1[level - 1].float(), flow[:, 2:])
            with self.cast():
                out = decode(torch.cat((features[level + 1], warped0, warped1, flow), 1))
            flows[level] = out[:, :4].float() + 2 * resize(flow, 2.0)
            features[level] = out[:, 4:]
        last = features[1].float()
        mask, flow = torch.sigmoid(last[:, :1]), flows[1]
        merged = mask * warp(img0, flow[:, :2]) + (1 - mask) * warp(img1, flow[:, 2:]) + mean
        return torch.clamp(merged + last[:, 1:], 0, 1), flows, features, truth


class Census(nn.Module):
    def __init__(self, patch):
        super().__init__()
        self.patch = patch
        self.register_buffer("kernel", torch.eye(patch * patch).view(-1, 1, patch, patch))

    def transform(self, x):
        batch, channels, height, width = x.shape
        x = x.reshape(batch * channels, 1, height, width)
        difference = F.conv2d(x, self.kernel, padding=self.patch // 2) - x
        difference = difference.view(batch, -1, height, width)
        return difference / torch.sqrt(0.81 + difference**2)

    def forward(self, x, y):
        difference = (self.transform(x) - self.transform(y)) ** 2
        distance = (difference / (0.1 + difference)).mean(1, keepdim=True)
        border = self.patch // 2
        mask = F.pad(torch.ones_like(distance[..., border:-border, border:-border]), [border] * 4)
        return (distance * mask).mean()


def distillation(flows, labels):
    loss = 0
    for side in (slice(0, 2), slice(2, 4)):
        label = labels[:, side]
        distance = ((flows[1][:, side].detach() - label) ** 2).sum(1, keepdim=True).sqrt()
        weight = torch.exp(-0.3 * distance)
        epsilon = 10 ** (-(10 * weight - 1) / 3)
        for level, factor in ((2, 2), (3, 4), (4, 8)):
            difference = factor * resize(flows[level][:, side], float(factor)) - label
            loss = loss + ((difference**2 + epsilon**2) ** (weight / 2)).mean()
    return loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    device = torch.device(options.device)

    def cast():
        return torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16")

    model = IFRNet(cast).to(device)
    image_census, feature_census = Census(7).to(device), Census(3).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0)

    def random(*shape):
        return torch.rand(options.batch, *shape, device=device)

    side = options.crop
    img0, img1, target, t = random(3, side, side), random(3, side, side), random(3, side, side), random(1, 1, 1)
    labels = (random(4, side, side) - 0.5) * 4

    seconds = []
    for _ in range(options.steps):
        start = time.perf_counter()
        pred, flows, features, truth = model(img0, img1, t, target)
        reconstruction = ((pred - target) ** 2 + 1e-6).sqrt().mean()
        reconstruction = reconstruction + image_census(pred.mean(1, keepdim=True), target.mean(1, keepdim=True))
        geometry = sum(feature_census(features[k].float(), truth[k - 2].float()) for k in (4, 3, 2))
        loss = reconstruction + 0.01 * geometry + 0.01 * distillation(flows, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        value = loss.item()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "loss": value, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
