#include "host/report.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <mutex>

#include "host/process_end.h"

namespace gpubridge {
namespace {

// A build log of a large program helps nobody at full length.
constexpr std::size_t kMostValueBytes = 32 * 1024;
// Pipes take so much at once without mixing it with other lines.
constexpr std::size_t kFatalBytes = 2048;
constexpr int kFatalWaitMs = 200;
constexpr int kWriterWaitMs = 50;
constexpr char kHexDigits[] = "0123456789ABCDEF";

int lines_fd = STDOUT_FILENO;
std::mutex writer;
// Dekker: a writer says that it writes, then looks whether the last line was; the last line says that it is, then waits for writers.
std::atomic<bool> is_writing{false};
std::atomic<bool> was_last_line{false};

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::strchr("-_.~,/:@+()*", c) != nullptr);
}

// Encodes one character; returns how many bytes it took, at most 3.
std::size_t EncodeInto(char* to, char c) {
  if (IsPlain(c)) {
    *to = c;
    return 1;
  }
  const auto byte = static_cast<unsigned char>(c);
  to[0] = '%';
  to[1] = kHexDigits[byte >> 4];
  to[2] = kHexDigits[byte & 15];
  return 3;
}

void WriteAll(const char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t written = write(lines_fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // No silo reads any more; the end of the frames will say so too.
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

}  // namespace

int TakeOverStreams() {
  const int frames = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  const int lines = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (frames < 0 || lines < 0) DieOfErrno(ExitCode::kSystemFault, "streams of the silo");
  lines_fd = lines;
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    DieOfErrno(ExitCode::kSystemFault, "streams of the drivers");
  close(nothing);
  return frames;
}

void Report(std::string_view verb, std::initializer_list<Token> tokens) {
  std::string line(verb);
  for (const Token& token : tokens) {
    line += ' ';
    line += token.key;
    line += '=';
    line += PercentEncode(std::string_view(token.value).substr(0, kMostValueBytes));
  }
  line += '\n';
  const std::lock_guard lock(writer);
  is_writing.store(true);
  if (!was_last_line.load()) WriteAll(line.data(), line.size());
  is_writing.store(false);
}

void Log(std::string_view level, std::string text) {
  Report("log", {{"level", std::string(level)}, {"text", std::move(text)}});
}

void WriteFatal(int code, std::string_view reason) {
  char line[kFatalBytes];
  constexpr std::string_view kHead = "fatal code=";
  constexpr std::string_view kMiddle = " reason=";
  std::size_t length = kHead.copy(line, kHead.size());
  length = static_cast<std::size_t>(std::to_chars(line + length, line + sizeof line, code).ptr - line);
  length += kMiddle.copy(line + length, kMiddle.size());
  for (const char c : reason) {
    if (length > sizeof line - 4) break;
    length += EncodeInto(line + length, c);
  }
  line[length++] = '\n';
  // Not under the lock: its holder may be the thread that crashed, or wait for a silo that does not read.
  was_last_line.store(true);
  for (int waited_ms = 0; is_writing.load() && waited_ms < kWriterWaitMs; waited_ms++) poll(nullptr, 0, 1);
  pollfd room{lines_fd, POLLOUT, 0};
  if (poll(&room, 1, kFatalWaitMs) == 1 && (room.revents & POLLOUT) != 0) WriteAll(line, length);
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  char bytes[3];
  for (const char c : text) encoded.append(bytes, EncodeInto(bytes, c));
  return encoded;
}

}  // namespace gpubridge
