"""The 80 features of a region, point by point, in plain Python."""

import colorsys
import math

POINTS = 24


def describe(picture, foreground, box):
    """Of one region of one picture, x0 y0 x1 y1 in pixels: a list of 80 floats."""
    x0, y0, x1, y1 = map(int, box)
    at = [(k + 0.5) / POINTS for k in range(POINTS)]
    columns = [int(x0 + a * (x1 - x0)) for a in at]
    rows = [int(y0 + a * (y1 - y0)) for a in at]
    crop = [[[int(v) / 255 for v in picture[y][x]] for x in columns] for y in rows]
    cover = [[bool(foreground[y][x]) for x in columns] for y in rows]
    light = [[sum(point) / 3 for point in row] for row in crop]
    colour = [[max(point) - min(point) for point in row] for row in crop]
    return [
        *(4 * v - 0.6 for v in _hues(crop, cover)),
        *(3 * v - 1 for v in _lightnesses(light)),
        *_cells(cover),
        *(4 * v - 1.3 for v in _edges(light)),
        *_textures(light, colour, cover),
        *_moments(cover),
    ]


def _inside(cover):
    return [(y, x) for y in range(POINTS) for x in range(POINTS) if cover[y][x]]


def _circular(positions_and_weights, bins):
    total = [0.0] * bins
    for position, weight in positions_and_weights:
        low = int(position)
        total[low % bins] += weight * (1 - position + low)
        total[(low + 1) % bins] += weight * (position - low)
    return [math.sqrt(v / (sum(total) + 1e-3)) for v in total]


def _hues(crop, cover):
    points = [crop[y][x] for y, x in _inside(cover)]
    return _circular(
        [(16 * colorsys.rgb_to_hsv(*p)[0], max(p) - min(p)) for p in points], 16
    )


def _lightnesses(light):
    steps = [min(int(v * 6), 5) for row in light for v in row]
    return [math.sqrt(steps.count(step) / len(steps)) for step in range(6)]


def _cells(cover):
    return [
        2 * sum(cover[4 * r + y][4 * c + x] for y in range(4) for x in range(4)) / 16
        - 1
        for r in range(6)
        for c in range(6)
    ]


def _edges(light):
    found = []
    for y in range(1, POINTS - 1):
        for x in range(1, POINTS - 1):
            across = light[y][x + 1] - light[y][x - 1]
            down = light[y + 1][x] - light[y - 1][x]
            if math.hypot(across, down) > 0.08:
                # An edge has no direction of its own: half a turn is all.
                turn = math.atan2(down, across) % math.pi
                found.append((8 * turn / math.pi, math.hypot(across, down) - 0.08))
    return _circular(found, 8)


def _textures(light, colour, cover):
    features = []
    for step in (1, 2, 3):
        for dy, dx in ((step, 0), (0, step)):
            changes = [
                abs(light[y][x] - light[y - dy][x - dx])
                for y, x in _inside(cover)
                if y >= dy and x >= dx and cover[y - dy][x - dx]
            ]
            features.append(12 * sum(changes) / (len(changes) + 1) - 0.7)
    for values in (light, colour):
        own = [values[y][x] for y, x in _inside(cover)]
        mean = sum(own) / (len(own) + 1)
        squares = sum((v - mean) ** 2 for v in own)
        features.append(12 * math.sqrt(squares / (len(own) + 1)) - 1)
    return features


def _moments(cover):
    points = [
        ((y + 0.5) / POINTS - 0.5, (x + 0.5) / POINTS - 0.5) for y, x in _inside(cover)
    ]
    weight = len(points) + 1
    middle = sum(cover[y][x] for y in range(9, 15) for x in range(9, 15)) / 36
    return [
        4 * weight / POINTS**2 - 2.5,
        8 * sum(x for _, x in points) / weight,
        8 * sum(y for y, _ in points) / weight,
        25 * sum(x * x for _, x in points) / weight - 1.5,
        25 * sum(y * y for y, _ in points) / weight - 1.5,
        2 * middle - 1,
    ]
