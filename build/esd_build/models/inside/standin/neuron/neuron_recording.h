// Stand-in: what the generated code records and sends goes to whoever links it.
#ifndef STANDIN_NEURON_RECORDING_H
#define STANDIN_NEURON_RECORDING_H

#include <stdfix.h>
#include <stdint.h>

void neuron_recording_record_accum(uint32_t variable, uint32_t neuron, accum value);
void neuron_recording_record_bit(uint32_t variable, uint32_t neuron);
void send_spike(uint32_t timer_count, uint32_t time, uint32_t neuron);

#endif
