"""lib/base/random.hpp once more, from its description: the numbers that tests and reference scripts both draw."""
import math
import struct
from statistics import NormalDist

MASK32 = (1 << 32) - 1
MASK64 = (1 << 64) - 1
NORMAL = NormalDist()


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK64
    return value


def mix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def philox(counter, key):
    """Philox4x32-10 (Salmon et al., SC 2011)."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (p1 >> 32) ^ b ^ k0, p1 & MASK32, (p0 >> 32) ^ d ^ k1, p0 & MASK32
        k0, k1 = (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32
    return a, b, c, d


class RandomStream:
    def __init__(self, seed, name, step=0):
        key = mix((mix(seed) + fnv1a(name)) & MASK64)
        self.key = (key & MASK32, key >> 32)
        self.step = step

    def bits(self, i):
        words = philox((i & MASK32, i >> 32, self.step & MASK32, self.step >> 32), self.key)
        return words[1] << 32 | words[0]

    def uniform(self, i):
        return (self.bits(i) >> 11) * 2.0**-53

    def normal(self, i):
        return NORMAL.inv_cdf(((self.bits(i) >> 12) + 0.5) * 2.0**-52)

    def below(self, i, bound):
        return self.bits(i) * bound >> 64


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def elements(shape):
    return math.prod(shape)
