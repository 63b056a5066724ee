// Frames from the silo: a line `VERB BYTES`, then so many bytes of payload. See native/README.md "Frames".
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "gpubridge/backend.h"

namespace gpubridge {

struct Frame {
  std::string verb;
  std::string payload;
};

// Cuts a stream of bytes into frames.
class FrameCutter {
 public:
  static constexpr std::size_t kMostHeadBytes = 64;
  static constexpr std::size_t kMostPayloadBytes = 64 * 1024 * 1024;

  // Takes the next bytes; adds the frames that they complete. Returns what is wrong with them, and then takes no more.
  std::optional<Failure> Take(std::string_view bytes, std::deque<Frame>& frames);

  // Whether the last frame is complete.
  bool IsBetweenFrames() const { return !in_payload_ && head_.empty(); }

 private:
  std::optional<Failure> BeginPayload();

  std::string head_;
  Frame frame_;
  std::size_t payload_bytes_ = 0;
  bool in_payload_ = false;
};

// The payloads of `kernel`, `link` and `go`; a Failure where they are malformed.
std::variant<KernelText, Failure> ParseKernel(std::string_view payload);
std::variant<LinkedText, Failure> ParseLink(std::string_view payload);
std::variant<std::uint32_t, Failure> ParseGo(std::string_view payload);

}  // namespace gpubridge
