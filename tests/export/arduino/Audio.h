// What a sketch uses of Teensy's Audio library: one block goes in, and what is sent is kept.
#pragma once

#include "Arduino.h"

#ifndef AUDIO_BLOCK_SAMPLES
#define AUDIO_BLOCK_SAMPLES 128
#endif
#ifndef AUDIO_SAMPLE_RATE_EXACT
#define AUDIO_SAMPLE_RATE_EXACT 44100.0f
#endif

typedef struct audio_block_struct {
    uint8_t ref_count;
    uint8_t reserved1;
    uint16_t memory_pool_index;
    int16_t data[AUDIO_BLOCK_SAMPLES];
} audio_block_t;

class AudioStream
{
public:
    AudioStream(unsigned char, audio_block_t **) {}
    virtual ~AudioStream() = default;
    virtual void update() = 0;
    float processorUsageMax() { return 12.5f; }

    static audio_block_t received;
    static bool transmitted, released;

protected:
    audio_block_t *receiveWritable(unsigned int) { return &received; }
    void transmit(audio_block_t *block) { transmitted = block == &received; }
    void release(audio_block_t *block) { released = block == &received; }
};

class AudioInputI2S : public AudioStream
{
public:
    AudioInputI2S() : AudioStream(0, nullptr) {}
    void update() override {}
};

class AudioOutputI2S : public AudioStream
{
public:
    AudioOutputI2S() : AudioStream(2, nullptr) {}
    void update() override {}
};

class AudioConnection
{
public:
    AudioConnection(AudioStream &, unsigned char, AudioStream &, unsigned char) {}
};

inline void AudioMemory(int) {}
