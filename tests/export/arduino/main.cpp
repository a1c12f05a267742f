// Runs a sketch, whose text is SKETCH, as Arduino's build does: setup, then loop. With -DTEENSY it is the Audio library that
// runs, on golden audio.
#include "Arduino.h"
#ifdef TEENSY
#include "Audio.h"
#include "ear_vectors.h"
audio_block_t AudioStream::received;
bool AudioStream::transmitted, AudioStream::released;
#endif

#include SKETCH

SerialPort Serial;

static uint32_t now_us;

uint32_t micros() { return now_us += 100u; }
void delay(unsigned long milliseconds) { now_us += static_cast<uint32_t>(1000u * milliseconds); }

#ifdef TEENSY
static int differing() {
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

int main(int, char **) {
  setup();
#ifdef TEENSY
  std::printf("%d differ\n", differing());
  loop();
#else
  for (long i = 0; i < LOOPS; i++) {
    loop();
  }
#endif
  return 0;
}
