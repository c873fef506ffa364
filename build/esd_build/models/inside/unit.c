// The code that NESTML generated for one neuron model, as a unit of its own: NEURON_IMPL names its header.
#include NEURON_IMPL

bool model_start(uint32_t *words) {
    if (!neuron_impl_initialise(1)) {
        return false;
    }
    neuron_impl_load_neuron_parameters(words, 0, 1, NULL);
    return true;
}

uint32_t model_words(void) { return sizeof(neuron_impl_t) / sizeof(uint32_t); }

void model_input(uint32_t port, accum weight) { neuron_impl_add_inputs(port, 0, weight); }

void model_step(uint32_t time) { neuron_impl_do_timestep_update(time, time, 1); }
