"""The fixed-point path of the device in Python, bit for bit the C of `export/runtime/audio`.

path        the whole path: `analyse` in front of the network, `synthesise` behind it
twin        what the twin of every stage is
transform, power, wiener, ...   one file a kind of stage, with the same name as in `models/audio`
level       what logarithmic features share
tensors     to the network and back
rfft_q31, scalar    the real transform, and functions of one number; mixed_rfft_q31 the transform of other lengths

Constants: `quantize.audio`. Which quantity has which format its stage says (`Quantity` in `models/audio`); ARCHITECTURE.md shows them all in one table.

Rounding is half upwards throughout; the mantissas of a division or of a product of powers are cut off to 32 bits, the
divisor is rounded to 16. With all gains at one the output is the input, bit for bit, `S - hop` samples later (N <= 512).
Where the mask is on the noisy spectrum the gain under it is one; the Wiener gain times the clarity, in Q15 cut off, is a floor under the mask.

The features of `complex` are `spectrum_q31 * 2^-(10 - log2(N) + e)` rounded, the magnitude being that of an exact integer root; filtered
is then the complex product with mask_q15, rounded once, its ends made real. N is at most 512, for the factor of sqrt(2). Without a
mask the output is the input, bit for bit; with the largest mask of its tensor it is (1 - 2^-15) of the input for int16 and
127 / 128 of it for int8, rounded: within 0.56 of a last bit.
"""
