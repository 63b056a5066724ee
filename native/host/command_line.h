// What the silo asks for at the start. See native/README.md "Command line".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "gpubridge/backend.h"

namespace gpubridge {

struct ProbeCommand {
  std::string backend;
};

struct ServeCommand {
  std::string backend;
  OpenOptions open;
  int region_fd = -1;
  std::uint32_t generation = 0;
  Mode mode = Mode::kAny;  // kAny: the best the device has.
  std::uint64_t idle_park_us = 2'000;
  std::uint32_t lease_entries = 65'536;
  bool standby = false;
  std::uint32_t silo_pid = 0;  // 0: not watched.
};

struct BadCommandLine {
  std::string reason;
};

using Command = std::variant<ProbeCommand, ServeCommand, BadCommandLine>;

// `words` without the program's name.
Command ParseCommandLine(std::span<const char* const> words);

// A decimal number in a range and nothing else; false otherwise.
bool ParseNumber(std::string_view text, std::uint64_t least, std::uint64_t most, std::uint64_t& number);

}  // namespace gpubridge
