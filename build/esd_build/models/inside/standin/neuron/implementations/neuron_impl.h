// Stand-in: the types that a neuron's generated code computes with. REAL is signed fixed point, 16 bits before the point and 15 behind.
#ifndef STANDIN_NEURON_IMPL_H
#define STANDIN_NEURON_IMPL_H

#include <math.h>
#include <stdfix.h>
#include <stdint.h>

typedef accum REAL;
typedef accum input_t;
typedef uint32_t index_t;
typedef uint32_t *address_t;

#define ZERO 0.0k
#define ONE 1.0k
#define REAL_CONST(number) number##k

#endif
