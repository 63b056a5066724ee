// Lines to the silo, `VERB key=value…` with percent-encoded values: one writer at a time, each line whole.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace gpubridge {

struct Token {
  std::string_view key;
  std::string value;
};

// Keeps the silo's end of stdout and stdin to this host: what a driver or a kernel prints to descriptor 1 goes to stderr from
// now on, and whoever reads descriptor 0 finds its end. Returns the descriptor of the frames. Once, before all other lines.
int TakeOverStreams();

// Writes one line; blocks while the silo does not read. Without a silo it is lost.
void Report(std::string_view verb, std::initializer_list<Token> tokens = {});

void Log(std::string_view level, std::string text);

// The last line. Needs no memory and does not wait for other writers or for the silo beyond a moment; safe in a signal handler.
void WriteFatal(int code, std::string_view reason);

// For values: unreserved characters and some that lines read better with; everything else is %XX.
std::string PercentEncode(std::string_view text);

}  // namespace gpubridge
