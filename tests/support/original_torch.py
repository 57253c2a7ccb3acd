"""The authors' model written again in plain PyTorch, under their names of tensors.

From the paper, BERT's and PyTorch's documentation, and the names and shapes of the
reference checkpoint; only what a score depends on is computed. Evaluation mode.
"""

import torch
from torch import nn
from torch.nn import functional


class BertLayer(nn.Module):
    def __init__(self, dim, inner, heads):
        super().__init__()
        self.heads = heads
        parts = {part: nn.Linear(dim, dim) for part in ("query", "key", "value")}
        self.attention = nn.ModuleDict(
            {"self": nn.ModuleDict(parts), "output": Output(dim, dim)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(dim, inner)})
        self.output = Output(inner, dim)

    def forward(self, rows, mask):
        def by_head(part):
            flat = self.attention["self"][part](rows)
            return flat.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        query, key, value = map(by_head, ("query", "key", "value"))
        attended = functional.scaled_dot_product_attention(
            query, key, value, mask[:, None, None, :]
        )
        rows = self.attention["output"](attended.transpose(1, 2).flatten(2), rows)
        return self.output(functional.gelu(self.intermediate["dense"](rows)), rows)


class Output(nn.Module):
    def __init__(self, inputs, dim):
        super().__init__()
        self.dense = nn.Linear(inputs, dim)
        self.LayerNorm = nn.LayerNorm(dim, eps=1e-12)

    def forward(self, rows, residual):
        return self.LayerNorm(self.dense(rows) + residual)


class Bert(nn.Module):
    """Token ids and mask to the hidden states of the last layer."""

    def __init__(self, tokens, positions, dim, inner, layers, heads):
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(tokens, dim),
                "position_embeddings": nn.Embedding(positions, dim),
                "token_type_embeddings": nn.Embedding(2, dim),
                "LayerNorm": nn.LayerNorm(dim, eps=1e-12),
            }
        )
        blocks = [BertLayer(dim, inner, heads) for _ in range(layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(blocks)})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(dim, dim)})

    def forward(self, token_ids, mask):
        part = self.embeddings
        rows = part["word_embeddings"](token_ids)
        rows = rows + part["position_embeddings"].weight[: token_ids.shape[1]]
        rows = part["LayerNorm"](rows + part["token_type_embeddings"].weight[0])
        for layer in self.encoder["layer"]:
            rows = layer(rows, mask)
        return rows


class Original(nn.Module):
    """The authors' model of a configuration; BERT's sizes besides."""

    def __init__(self, config, tokens, positions, bert_inner, bert_heads=4):
        super().__init__()
        regions = config["image-model"]["feat-dim"]
        words, joint = config["text-model"]["word-dim"], config["model"]["embed-size"]
        self.shared = config["model"]["shared-transformer"]
        bert_layers = config["text-model"]["extraction-hidden-layer"]
        bert = Bert(tokens, positions, words, bert_inner, bert_layers, bert_heads)
        boxes = nn.Sequential(
            nn.Linear(regions + 5, regions), nn.ReLU(), nn.Linear(regions, regions)
        )
        root = {
            "txt_enc": nn.ModuleDict(
                {
                    "bert_model": bert,
                    "word_embeddings": bert.embeddings["word_embeddings"],
                    "map": nn.Linear(words, joint),
                }
            ),
            "img_enc": nn.ModuleDict(
                {
                    "transformer_encoder": stack(
                        regions, config["image-model"]["transformer-layers"]
                    ),
                    "pos_encoding_image": nn.ModuleDict({"map": boxes}),
                    "fc": nn.Linear(regions, joint),
                }
            ),
            "img_proj": nn.Linear(regions, joint),
            "cap_proj": nn.Linear(words, joint),
            "transformer_encoder_1": stack(joint, config["model"]["layers"]),
        }
        if not self.shared:
            root["transformer_encoder_2"] = stack(joint, config["model"]["layers"])
        self.img_txt_enc = nn.ModuleDict(root)
        self.eval()

    @torch.no_grad()
    def images(self, regions, boxes, mask):
        """Unit rows of every slot, I-CLS first; bool mask True where real."""
        root = self.img_txt_enc
        regions, boxes = (functional.pad(t, (0, 0, 1, 0)) for t in (regions, boxes))
        hidden = ~functional.pad(mask, (1, 0), value=True)
        width, height = (boxes[..., k + 2] - boxes[..., k] for k in (0, 1))
        rows = torch.cat([regions, boxes, (width * height)[..., None]], -1)
        part = root["img_enc"]
        rows = part["transformer_encoder"](
            part["pos_encoding_image"]["map"](rows), src_key_padding_mask=hidden
        )
        final = root[
            "transformer_encoder_1" if self.shared else "transformer_encoder_2"
        ]
        rows = final(root["img_proj"](rows), src_key_padding_mask=hidden)
        return functional.normalize(rows, dim=-1)

    @torch.no_grad()
    def captions(self, token_ids, mask):
        """Unit rows of every token; bool mask True where real."""
        root = self.img_txt_enc
        rows = root["cap_proj"](root["txt_enc"]["bert_model"](token_ids, mask))
        rows = root["transformer_encoder_1"](rows, src_key_padding_mask=~mask)
        return functional.normalize(rows, dim=-1)


def stack(dim, layers):
    layer = nn.TransformerEncoderLayer(dim, 4, 2048, batch_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
