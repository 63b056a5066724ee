// The backends built into this program, and what `--probe` prints of their devices.
#pragma once

#include <string_view>

#include "gpubridge/backend.h"

namespace gpubridge {

// Null where there is none of this name.
const BackendFactory* FindBackend(std::string_view name);

// Prints the devices of a backend; returns the exit code.
int Probe(std::string_view backend);

}  // namespace gpubridge
