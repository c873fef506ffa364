// Stand-in for the run-time library of a SpiNNaker core: what code that NESTML generates calls of it, and no more.
// It serves to compile that code for the core's processor and to try its arithmetic; it is not what runs on the machine.
#ifndef STANDIN_SPIN1_API_H
#define STANDIN_SPIN1_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned int uint;

static inline void *spin1_malloc(uint bytes) { return malloc(bytes); }
static inline void spin1_memcpy(void *to, const void *from, uint bytes) { memcpy(to, from, bytes); }

#endif
