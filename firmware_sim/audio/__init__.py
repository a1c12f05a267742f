"""The fixed-point audio path of the device in Python, bit for bit the C of `export/runtime/stapes_audio.h`.

In the order in which samples meet them: `sound_path` (the whole path), `spectrum`, `wiener`, `features`, `tensors` (to the
network and back), `synthesis`; `complex_mask` where the network sees and turns the spectrum itself; beneath them `rfft_q31` and `scalar`. Constants: `quantize.audio_params`.

Formats. N = analysis samples, F = N / 2 + 1 bins, S = synthesis samples, e = exponent of the frame; audio lies in [-1, 1).

| quantity       | C type    | true value                                    | size       | what bounds it                        |
|----------------|-----------|-----------------------------------------------|------------|---------------------------------------|
| block, output  | int16     | sample * 2^15                                 | hop        | output saturated                      |
| exponent e     | int32     | left shift of all samples of the frame        | 1          | 0 .. 15, what the loudest one allows  |
| windowed_q30   | int32     | sample * window * 2^(30 + e)                  | N          | 2^30: half of full scale              |
| spectrum_q31   | int32     | X / N * 2^(30 + e)                            | F complex  | 2^31 / pi                             |
| power_q40      | uint64    | P * 2^40, P = abs(X)^2 / sum(window^2)        | F          | 2^50                                  |
| noise_q40      | uint64    | lambda * 2^40; in start-up the sum of P       | F          | 2^62; at least noise_floor            |
| gamma_q24      | int32     | min(P / lambda, gamma_max) * 2^24             | (a scalar) | 64 * 2^24                             |
| xi_q24         | int32     | max(xi, xi_min) * 2^24                        | (a scalar) | 64 * 2^24                             |
| gain2_q30      | int32     | xi / (1 + xi) * 2^30                          | F          | 2^30                                  |
| gain_q15       | uint16    | sqrt(xi / (1 + xi)) * 2^15                    | F          | 2^15                                  |
| prior_q24      | int32     | gain^2 * gamma * 2^24                         | F          | 64 * 2^24                             |
| score_q24      | int64     | VAD statistic * F * 2^24                      | 1          | F * 64 * 2^24                         |
| signal_q40     | uint64    | running mean of the sum of P * 2^40           | 1          | F * 2^50                              |
| clarity_q15    | int32     | octaves of SNR above clear_snr / 2 * 2^15     | 1          | 0 .. 32767                            |
| level_q24      | int32     | running mean of log2(P * gain^2) * 2^24       | 1          | 64 * 2^24                             |
| features_q20   | int32     | feature * 2^20                                | 1 to 3 F   | 2^30 magnitude; clips of log, power   |
| mask_q15       | int16     | mask * 2^15; complex: real, then imaginary    | F or 2 F   | 0 .. 32767; complex: all of int16     |
| total gain     | int32     | gain * max(mask, floor, clear) * 2^31         | (a scalar) | 2^31 - 1                              |
| filtered       | int32     | spectrum_q31 * total gain, or mask, * 2       | F complex  | 2^32 / pi; complex: sqrt(2) of that   |
| inverse        | int32     | y / N * 2^(31 + e)                            | N          | sqrt(N / 2) * 2^31 / N; likewise      |
| overlap_q25    | int32     | y * synthesis window * 2^25                   | S - hop    | 64 * 2^25                             |

Rounding is half upwards throughout; the mantissas of a division or of a product of powers are cut off to 32 bits, the
divisor is rounded to 16. With all gains at one the output is the input, bit for bit, `S - hop` samples later (N <= 512).
With `mask_on = "noisy"` the gain in level, features and total gain is one, and clear = clarity * gain, in Q15 cut off.

With `features = "complex"` nothing stands in the table from power_q40 to level_q24 and no total gain: features_q20 are magnitudes,
real and imaginary parts, `spectrum_q31 * 2^-(10 - log2(N) + e)` rounded, the magnitude being that of an exact integer root; filtered
is the complex product with mask_q15, rounded once, its ends made real. N is at most 512, for the factor of sqrt(2). Without a
mask the output is the input, bit for bit; with the largest mask of its tensor it is (1 - 2^-15) of the input for int16 and
127 / 128 of it for int8, rounded: within 0.56 of a last bit.
"""
