// Runs a sketch, whose text is SKETCH, as Arduino's build does: setup, then loop. With -DTEENSY it is the Audio library that
// runs, on golden audio.
#include "Arduino.h"
#ifdef TEENSY
#include "Audio.h"
#include "ear_vectors.h"
audio_block_t AudioStream::received;
bool AudioStream::transmitted, AudioStream::released;
#endif

#ifdef STEREO_I2S
#include "ear_vectors.h"
#endif
#ifdef TYMPAN
#include "Tympan_Library.h"
#include "ear_vectors.h"
#endif

#include SKETCH

SerialPort Serial;

static uint32_t now_us;

uint32_t micros()
{
    return now_us += 100u;
}
void delay(unsigned long milliseconds)
{
    now_us += static_cast<uint32_t>(1000u * milliseconds);
}

#ifdef TEENSY
static int differing()
{
    int wrong = 0;
    for (int at = 0; at + AUDIO_BLOCK_SAMPLES <= EAR_VECTOR_SAMPLES; at += AUDIO_BLOCK_SAMPLES) {
        for (int i = 0; i < AUDIO_BLOCK_SAMPLES; i++) {
            AudioStream::received.data[i] = ear_vector_audio_in_q15[at + i];
        }
        AudioStream::transmitted = AudioStream::released = false;
        enhance.update();
        wrong += !AudioStream::transmitted || !AudioStream::released;
        for (int i = 0; i < AUDIO_BLOCK_SAMPLES; i++) {
            wrong += AudioStream::received.data[i] != ear_vector_audio_out_q15[at + i];
        }
    }
    return wrong;
}
#endif

#ifdef TYMPAN
// Golden audio in one ear and silence in the other -> samples that differ from what they become.
static int differing(int side)
{
    int wrong = 0;
    for (int at = 0; at + EAR_HOP <= EAR_VECTOR_SAMPLES; at += EAR_HOP) {
        for (int ear = 0; ear < 2; ear++) {
            AudioStream_F32::received[ear].length = EAR_HOP;
            for (int i = 0; i < EAR_HOP; i++) {
                AudioStream_F32::received[ear].data[i] = ear == side
                                                             ? static_cast<float>(ear_vector_audio_in_q15[at + i]) /
                                                                   32768.0f
                                                             : 0.0f;
            }
            AudioStream_F32::transmitted[ear] = AudioStream_F32::released[ear] = false;
        }
        static_cast<AudioStream_F32 &>(enhance).update();
        for (int ear = 0; ear < 2; ear++) {
            wrong += !AudioStream_F32::transmitted[ear] || !AudioStream_F32::released[ear];
            for (int i = 0; i < EAR_HOP; i++) {
                const int expected = ear == side ? ear_vector_audio_out_q15[at + i] : 0;
                wrong += AudioStream_F32::received[ear].data[i] * 32768.0f != static_cast<float>(expected);
            }
        }
    }
    return wrong;
}

#ifdef CONTROLLED
// After a new start, the ear is told something: is what it then makes of the golden audio what it makes at rest?
template <typename Tell> static void told(const char *what, int side, Tell tell)
{
    setup();
    const int status = static_cast<int>(tell());
    std::printf("%s: status %d, %s\n", what, status, differing(side) == 0 ? "as at rest" : "another sound");
}

static void play_with_controls()
{
    static ear_controls quiet = ear_controls_at_rest, wrong = ear_controls_at_rest;
    quiet.volume.gain_q16 = 6554;
    wrong.volume.gain_q16 = -1;
    told("both ears quiet, left", 0, [] { return enhance.setControls(quiet); });
    told("both ears quiet, right", 1, [] { return enhance.setControls(quiet); });
    told("left ear quiet, left", 0, [] { return enhance.setControls(0, quiet); });
    told("left ear quiet, right", 1, [] { return enhance.setControls(0, quiet); });
    told("right ear quiet, left", 0, [] { return enhance.setControls(1, quiet); });
    told("right ear quiet, right", 1, [] { return enhance.setControls(1, quiet); });
    told("volume below zero, left", 0, [] { return enhance.setControls(wrong); });
    told("program 1, left", 0, [] { return enhance.setProgram(1); });
    told("program 1, right", 1, [] { return enhance.setProgram(1); });
    told("program 2, left", 0, [] { return enhance.setProgram(EAR_PROGRAMS); });
}
#endif
#endif

#ifdef STEREO_I2S
static int32_t *circle_in, *circle_out;
static void (*half_done)(void);
extern "C" void board_i2s_start(int32_t *in, int32_t *out, size_t words, uint32_t rate, void (*half)(void))
{
    circle_in = in;
    circle_out = out;
    half_done = half;
    std::printf("%lu words at %lu Hz\n", static_cast<unsigned long>(words), static_cast<unsigned long>(rate));
}

// The same through the circles of a DMA; below the 16 bits lies what rounds away.
static int differing(int side)
{
    int wrong = 0;
    for (int block = 0; (block + 1) * EAR_HOP <= EAR_VECTOR_SAMPLES; block++) {
        const uint32_t half = halves % 2u * 2u * EAR_HOP;
        int32_t *in = circle_in + half;
        for (int i = 0; i < EAR_HOP; i++) {
            const int32_t low = i % 2 == 0 ? 100 : -100;
            const int32_t sample = ear_vector_audio_in_q15[block * EAR_HOP + i] * 256 + low;
            in[2 * i + side] = sample * (1 << SLOT_SHIFT);
            in[2 * i + 1 - side] = low * (1 << SLOT_SHIFT);
        }
        half_done();
        loop();
        const int32_t *out = circle_out + half;
        for (int i = 0; i < EAR_HOP; i++) {
            wrong += out[2 * i + side] != ear_vector_audio_out_q15[block * EAR_HOP + i] * 256 * (1 << SLOT_SHIFT);
            wrong += out[2 * i + 1 - side] != 0;
        }
    }
    half_done();
    half_done();
    half_done();
    loop();
    std::printf("%lu overruns, ", static_cast<unsigned long>(overruns));
    return wrong;
}
#endif

int main(int, char **)
{
    setup();
#if defined(TYMPAN) || defined(STEREO_I2S)
    for (int side = 0; side < 2; side++) {
        std::printf("%d differ\n", differing(side));
        setup();
    }
#ifdef TYMPAN
    loop();
#endif
#ifdef CONTROLLED
    play_with_controls();
#endif
#elif defined(TEENSY)
    std::printf("%d differ\n", differing());
    loop();
#else
    for (long i = 0; i < LOOPS; i++) {
        loop();
    }
#endif
    return 0;
}
