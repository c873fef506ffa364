// Runs one generated neuron, alone, through a schedule of inputs, and prints what it records: `v STEP VARIABLE RAW`, `s STEP`.
// The schedule, schedule.h, holds: WORDS (the neuron's memory as sPyNNaker would load it), STEPS, PORTS and INPUTS[STEPS][PORTS], all raw.
#include <stdfix.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "schedule.h"

bool model_start(uint32_t *words);
uint32_t model_words(void);
void model_input(uint32_t port, accum weight);
void model_step(uint32_t time);

static uint32_t now;

static int32_t raw_of(accum value) {
    int32_t raw;
    memcpy(&raw, &value, sizeof raw);
    return raw;
}

static accum of_raw(int32_t raw) {
    accum value;
    memcpy(&value, &raw, sizeof value);
    return value;
}

void neuron_recording_record_accum(uint32_t variable, uint32_t neuron, accum value) {
    (void) neuron;
    printf("v %lu %lu %ld\n", (unsigned long) now, (unsigned long) variable, (long) raw_of(value));
}

void neuron_recording_record_bit(uint32_t variable, uint32_t neuron) {
    (void) variable;
    (void) neuron;
    printf("s %lu\n", (unsigned long) now);
}

void send_spike(uint32_t timer_count, uint32_t time, uint32_t neuron) {
    (void) timer_count;
    (void) time;
    (void) neuron;
}

int main(void) {
    if (model_words() != sizeof(WORDS) / sizeof(WORDS[0]) || !model_start((uint32_t *) WORDS)) {
        printf("e %lu\n", (unsigned long) model_words());
        return 1;
    }
    for (now = 0; now < STEPS; now++) {
        for (uint32_t port = 0; port < PORTS; port++) {
            if (INPUTS[now][port] != 0) {
                model_input(port, of_raw(INPUTS[now][port]));
            }
        }
        model_step(now);
    }
    return 0;
}
