// What a sketch uses of Tympan's library: a block goes into each ear, and what is sent is kept.
#pragma once

#include "Arduino.h"

#define AUDIO_BLOCK_SAMPLES 128
typedef float float32_t;

class AudioSettings_F32
{
public:
    AudioSettings_F32(float rate, int samples) : sample_rate_Hz(rate), audio_block_samples(samples) {}
    const float sample_rate_Hz;
    const int audio_block_samples;
};

class audio_block_f32_t
{
public:
    float32_t data[AUDIO_BLOCK_SAMPLES];
    int length = AUDIO_BLOCK_SAMPLES;
};

class AudioStream_F32
{
public:
    AudioStream_F32(unsigned char, audio_block_f32_t **) {}
    virtual ~AudioStream_F32() = default;
    virtual void update() = 0;
    float processorUsageMax() { return 12.5f; }

    static void release(audio_block_f32_t *block) { released[block - received] = true; }

    static inline audio_block_f32_t received[2];
    static inline bool transmitted[2], released[2];

protected:
    audio_block_f32_t *receiveWritable_f32(unsigned int index = 0) { return &received[index]; }
    void transmit(audio_block_f32_t *block, unsigned char index = 0) { transmitted[index] = block == &received[index]; }
};

class AudioInputI2S_F32 : public AudioStream_F32
{
public:
    AudioInputI2S_F32(const AudioSettings_F32 &) : AudioStream_F32(0, nullptr) {}
    void update() override {}
};

class AudioOutputI2S_F32 : public AudioStream_F32
{
public:
    AudioOutputI2S_F32(const AudioSettings_F32 &) : AudioStream_F32(2, nullptr) {}
    void update() override {}
};

class AudioConnection_F32
{
public:
    AudioConnection_F32(AudioStream_F32 &, unsigned char, AudioStream_F32 &, unsigned char) {}
};

inline void AudioMemory_F32(int, const AudioSettings_F32 &) {}

enum class TympanRev { F };
enum { TYMPAN_INPUT_ON_BOARD_MIC };

class Tympan
{
public:
    Tympan(TympanRev, const AudioSettings_F32 &settings)
    {
        std::printf("%d samples at %d Hz\n", settings.audio_block_samples, static_cast<int>(settings.sample_rate_Hz));
    }
    void beginBothSerial() {}
    void enable() {}
    void inputSelect(int) {}
    float setInputGain_dB(float gain) { return gain; }
    float volume_dB(float gain) { return gain; }
    void print(const char *text) { Serial.print(text); }
    template <typename T> void println(T value) { Serial.println(value); }
};
