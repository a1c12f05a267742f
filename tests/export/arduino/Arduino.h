// What the sketches use of Arduino's core: a clock that advances with each look at it, and a serial port that prints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>

uint32_t micros();
void delay(unsigned long milliseconds);

class SerialPort
{
public:
    void begin(unsigned long) {}
    void print(const char *text) { std::fputs(text, stdout); }
    void print(unsigned long number) { std::printf("%lu", number); }
    void print(unsigned int number) { std::printf("%u", number); }
    void print(long number) { std::printf("%ld", number); }
    void print(int number) { std::printf("%d", number); }
    void print(double number) { std::printf("%.2f", number); }
    template <typename T> void println(T value)
    {
        print(value);
        print("\n");
    }
};

extern SerialPort Serial;
