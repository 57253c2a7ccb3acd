"""TERAN's training step as one would write it in plain PyTorch: what ours is held to.

`nn.TransformerEncoder` throughout, the paper's sizes (Messina et al. 2021, section
5.2): regions fused with their boxes, 4 layers of 2048, BERT of 6 layers, both
projected to 1024 and through 2 layers more; the hinge on the hardest negatives; Adam
with the norm of the gradient clipped to 2.
"""

import torch
from torch import nn

MARGIN = 0.2


class PlainTeran(nn.Module):
    """The matcher of the paper's sizes.

    Input: float32 `regions` (batch, regions, 2048) and `boxes` (batch, regions, 4),
    int64 `token_ids` and bool `padding_mask` (batch, words), True where real. Output:
    (batch, batch) scores, rows images: the sum over words of the best region.
    """

    def __init__(self):
        super().__init__()
        self.fusion = nn.Sequential(
            nn.Linear(2048 + 5, 2048), nn.ReLU(), nn.Linear(2048, 2048)
        )
        self.image_layers = _encoder(2048, 4, 2048, 4)
        self.image_projection = nn.Linear(2048, 1024)
        self.image_final = _encoder(1024, 4, 2048, 2)
        self.token = nn.Embedding(30522, 768)
        self.position = nn.Embedding(512, 768)
        self.segment = nn.Embedding(2, 768)
        self.norm = nn.LayerNorm(768, eps=1e-12)
        self.dropout = nn.Dropout(0.1)
        self.bert = _encoder(768, 12, 3072, 6, "gelu", 1e-12)
        self.caption_projection = nn.Linear(768, 1024)
        self.caption_final = _encoder(1024, 4, 2048, 2)

    def forward(self, regions, boxes, token_ids, padding_mask):
        """See the class."""
        images = nn.functional.normalize(self._images(regions, boxes), dim=-1)
        captions = nn.functional.normalize(
            self._captions(token_ids, padding_mask), dim=-1
        )
        cosines = torch.einsum("ird,cwd->icrw", images.float(), captions.float())
        # Words are the real tokens but the first and the last.
        lengths = padding_mask.sum(1, keepdim=True)
        at = torch.arange(token_ids.shape[1])
        words = (at > 0) & (at < lengths - 1)
        return (cosines.amax(2) * words).sum(-1)

    def _images(self, regions, boxes):
        regions = nn.functional.pad(regions, (0, 0, 1, 0))
        boxes = nn.functional.pad(boxes, (0, 0, 1, 0))
        area = (boxes[..., 2:3] - boxes[..., :1]) * (boxes[..., 3:] - boxes[..., 1:2])
        fused = self.fusion(torch.cat([regions, boxes, area], -1))
        fused = self.image_projection(self.image_layers(fused))
        return self.image_final(fused)[:, 1:]

    def _captions(self, token_ids, padding_mask):
        at = torch.arange(token_ids.shape[1])
        embedded = self.token(token_ids) + self.position(at) + self.segment.weight[0]
        tokens = self.dropout(self.norm(embedded))
        padding = ~padding_mask
        tokens = self.bert(tokens, src_key_padding_mask=padding)
        tokens = self.caption_projection(tokens)
        return self.caption_final(tokens, src_key_padding_mask=padding)


def hinge(similarity):
    """Hardest negatives of both directions, every pair of its own image."""
    positive = similarity.diagonal()
    of_images = (MARGIN + similarity - positive[:, None]).relu()
    of_captions = (MARGIN + similarity - positive[None, :]).relu()
    own = torch.eye(len(similarity), dtype=torch.bool)
    of_images = of_images.masked_fill(own, 0).amax(1)
    of_captions = of_captions.masked_fill(own, 0).amax(0)
    return of_images.sum() + of_captions.sum()


def step(model, optimizer, batch, bfloat16):
    """One training step; the loss as a float.

    Args:
        model: `PlainTeran`, or what `torch.compile` makes of it.
        optimizer: `torch.optim.Optimizer` of its parameters.
        batch: tuple of tensors, the inputs.
        bfloat16: bool, under autocast.
    """
    optimizer.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        similarity = model(*batch)
    loss = hinge(similarity)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    return float(loss.detach())


def _encoder(dim, heads, inner, layers, activation="relu", epsilon=1e-5):
    layer = nn.TransformerEncoderLayer(
        dim, heads, inner, 0.1, activation, epsilon, batch_first=True
    )
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
