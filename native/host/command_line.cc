#include "host/command_line.h"

#include <charconv>
#include <limits>
#include <optional>
#include <set>

namespace gpubridge {
namespace {

constexpr std::uint64_t kMostU32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint64_t kMostInt = std::numeric_limits<int>::max();
constexpr std::uint64_t kMostIdleParkUs = 10'000'000;

class Options {
 public:
  explicit Options(ServeCommand& command) : command_(command) {}

  // Takes one option; returns what is wrong with it, or nothing.
  std::optional<std::string> Take(const std::string& name, const std::string& value) {
    if (!seen_.insert(name).second) return name + " is given twice";
    if (name == "--backend") return Text(name, value, command_.backend);
    if (name == "--cache") return Text(name, value, command_.open.cache_folder);
    if (name == "--device") return Number(name, value, 0, kMostU32, command_.open.device);
    if (name == "--region-fd") return Number(name, value, 0, kMostInt, command_.region_fd);
    if (name == "--generation") return Number(name, value, 1, kMostU32, command_.generation);
    if (name == "--idle-park-us") return Number(name, value, 0, kMostIdleParkUs, command_.idle_park_us);
    if (name == "--lease-entries") return Number(name, value, 1, kMostU32, command_.lease_entries);
    if (name == "--silo-pid") return Number(name, value, 1, kMostInt, command_.silo_pid);
    if (name == "--standby") return Choice(name, value, {{"true", true}, {"false", false}}, command_.standby);
    if (name == "--host-coherent")
      return Choice(name, value, {{"auto", false}, {"false", true}}, command_.open.force_incoherent);
    if (name == "--mode") {
      const std::initializer_list<std::pair<const char*, Mode>> modes = {
          {"auto", Mode::kAny}, {"resident", Mode::kResident}, {"leased", Mode::kLeased}, {"launched", Mode::kLaunched}};
      return Choice(name, value, modes, command_.mode);
    }
    return "unknown option " + name;
  }

  std::optional<std::string> Missing() const {
    for (const char* name : {"--backend", "--device", "--region-fd", "--generation"})
      if (!seen_.contains(name)) return std::string(name) + " is missing";
    return std::nullopt;
  }

 private:
  static std::optional<std::string> Text(const std::string& name, const std::string& value, std::string& into) {
    if (value.empty()) return name + " needs a value";
    into = value;
    return std::nullopt;
  }

  template <class T>
  static std::optional<std::string> Number(const std::string& name, const std::string& value, std::uint64_t least,
                                           std::uint64_t most, T& into) {
    std::uint64_t number = 0;
    if (!ParseNumber(value, least, most, number))
      return name + " needs a number from " + std::to_string(least) + " to " + std::to_string(most) + ", not '" + value +
             "'";
    into = static_cast<T>(number);
    return std::nullopt;
  }

  template <class T>
  static std::optional<std::string> Choice(const std::string& name, const std::string& value,
                                           std::initializer_list<std::pair<const char*, T>> choices, T& into) {
    std::string names;
    for (const auto& [text, meaning] : choices) {
      if (value == text) {
        into = meaning;
        return std::nullopt;
      }
      names += names.empty() ? text : std::string("|") + text;
    }
    return name + " needs " + names + ", not '" + value + "'";
  }

  ServeCommand& command_;
  std::set<std::string> seen_;
};

}  // namespace

Command ParseCommandLine(std::span<const char* const> words) {
  if (words.size() == 2 && std::string(words[0]) == "--probe") return ProbeCommand{words[1]};
  ServeCommand command;
  Options options(command);
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string name = words[i];
    if (name == "--probe") return BadCommandLine{"--probe needs the name of a backend and nothing else"};
    if (i + 1 == words.size()) return BadCommandLine{name + " needs a value"};
    if (const auto wrong = options.Take(name, words[i + 1])) return BadCommandLine{*wrong};
  }
  if (const auto missing = options.Missing()) return BadCommandLine{*missing};
  return command;
}

bool ParseNumber(std::string_view text, std::uint64_t least, std::uint64_t most, std::uint64_t& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && rest == end && !text.empty() && number >= least && number <= most;
}

}  // namespace gpubridge
