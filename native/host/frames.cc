#include "host/frames.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "gpubridge/argument_block.h"
#include "gpubridge/kernel_table.h"
#include "host/command_line.h"

namespace gpubridge {

std::optional<Failure> FrameCutter::Take(std::string_view bytes, std::deque<Frame>& frames) {
  while (!bytes.empty() || (in_payload_ && payload_bytes_ == 0)) {
    if (!in_payload_) {
      const std::size_t line = bytes.find('\n');
      head_.append(bytes.substr(0, line));
      if (head_.size() > kMostHeadBytes) return "the head of a frame is longer than " + std::to_string(kMostHeadBytes);
      if (line == std::string_view::npos) return std::nullopt;
      bytes.remove_prefix(line + 1);
      if (auto wrong = BeginPayload()) return wrong;
    }
    const std::size_t taken = std::min(bytes.size(), payload_bytes_);
    frame_.payload.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    payload_bytes_ -= taken;
    if (payload_bytes_ > 0) return std::nullopt;
    frames.push_back(std::exchange(frame_, {}));
    in_payload_ = false;
  }
  return std::nullopt;
}

std::optional<Failure> FrameCutter::BeginPayload() {
  const std::size_t space = head_.find(' ');
  std::uint64_t bytes = 0;
  if (space == 0 || space == std::string::npos ||
      !ParseNumber(std::string_view(head_).substr(space + 1), 0, kMostPayloadBytes, bytes))
    return "'" + head_ + "' is no head of a frame";
  frame_.verb = head_.substr(0, space);
  payload_bytes_ = bytes;
  in_payload_ = true;
  head_.clear();
  return std::nullopt;
}

namespace {

constexpr std::uint64_t kMostU32 = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kMostKernels = KernelTable<KernelText>::kNumbers;

// Words of a line, cut at single spaces.
std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t space = std::min(line.find(' '), line.size());
    words.push_back(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return words;
}

bool Number(std::string_view value, std::uint32_t least, std::uint32_t& into) {
  std::uint64_t number = 0;
  if (!ParseNumber(value, least, kMostU32, number)) return false;
  into = static_cast<std::uint32_t>(number);
  return true;
}

bool Numbers(std::string_view value, std::uint32_t least, std::span<std::uint32_t> into) {
  const std::vector<std::string_view> words = Words(value);
  if (words.size() != into.size()) return false;
  for (std::size_t i = 0; i < words.size(); i++)
    if (!Number(words[i], least, into[i])) return false;
  return true;
}

template <class T>
bool Choice(std::string_view value, std::initializer_list<std::pair<std::string_view, T>> choices, T& into) {
  for (const auto& [name, meaning] : choices) {
    if (value != name) continue;
    into = meaning;
    return true;
  }
  return false;
}

// Elements of which other slot, of so many before this one, or of none: of the items.
bool Counted(std::string_view value, std::size_t slots, std::uint32_t& into) {
  return Choice(value, {{"items", LeastLength::kItems}}, into) || (Number(value, 0, into) && into < slots);
}

bool Slot(std::string_view value, std::vector<SlotLayout>& slots) {
  const std::vector<std::string_view> words = Words(value);
  SlotLayout slot{};
  if (words.size() != 6 || slots.size() == kMostSlotsPerKernel) return false;
  const bool is_known =
      Choice(words[0],
             {{"column", SlotPart::kColumn},
              {"offsets", SlotPart::kOffsets},
              {"counts", SlotPart::kCounts},
              {"scratch", SlotPart::kScratch},
              {"workspace", SlotPart::kWorkspace},
              {"uniform", SlotPart::kUniform}},
             slot.part) &&
      Choice(words[1], {{"1", 1u}, {"2", 2u}, {"4", 4u}, {"8", 8u}}, slot.element_bytes) &&
      Choice(words[2], {{"in", SlotAccess::kIn}, {"out", SlotAccess::kOut}, {"inout", SlotAccess::kInOut}}, slot.access) &&
      Number(words[3], 0, slot.least.times) && Counted(words[4], slots.size(), slot.least.of) &&
      Number(words[5], 0, slot.least.plus);
  if (is_known) slots.push_back(slot);
  return is_known;
}

bool Kind(std::string_view value, bool& is_grid) { return Choice(value, {{"map", false}, {"grid", true}}, is_grid); }

bool KernelLine(std::string_view key, std::string_view value, KernelText& kernel) {
  if (key == "number") return Number(value, 0, kernel.number);
  if (key == "kind") return Kind(value, kernel.is_grid);
  if (key == "workgroup") return Numbers(value, 1, kernel.workgroup);
  if (key == "slot") return Slot(value, kernel.slots);
  if (key == "id") return kernel.id = value, !value.empty();
  if (key == "entry") return kernel.entry = value, !value.empty();
  if (key == "flags") return kernel.flags = value, true;
  if (key == "library") return kernel.library = value, true;
  if (key == "fingerprint") return kernel.fingerprint = value, true;
  return false;
}

bool LinkLine(std::string_view key, std::string_view value, LinkedText& linked) {
  if (key == "entry") return linked.entry = value, !value.empty();
  if (key == "flags") return linked.flags = value, true;
  if (key == "fingerprint") return linked.fingerprint = value, true;
  if (key == "shared_bytes") return Number(value, 0, linked.shared_bytes);
  if (key == "group_size") return value == "any" || Number(value, 1, linked.group_size);
  if (key == "kernels") {
    linked.kernels.resize(std::min(Words(value).size(), kMostKernels));
    return !linked.kernels.empty() && Numbers(value, 0, linked.kernels);
  }
  return false;
}

// Head lines `key value` up to an empty line, then the text. `line` takes one of them, false: it makes no sense. Keys other
// than `slot` come once.
template <class Line>
std::optional<Failure> ParseHead(std::string_view payload, std::initializer_list<std::string_view> needed,
                                 std::string& text, Line line) {
  std::vector<std::string_view> seen;
  for (;;) {
    const std::size_t end = payload.find('\n');
    if (end == std::string_view::npos) return "the head of a payload has no end";
    const std::string_view whole = payload.substr(0, end);
    payload.remove_prefix(end + 1);
    if (whole.empty()) break;
    const std::size_t space = std::min(whole.find(' '), whole.size());
    const std::string_view key = whole.substr(0, space);
    const bool is_again = key != "slot" && std::find(seen.begin(), seen.end(), key) != seen.end();
    if (is_again || !line(key, whole.substr(std::min(space + 1, whole.size()))))
      return "'" + std::string(whole) + "' makes no sense in the head of a payload";
    seen.push_back(key);
  }
  for (const std::string_view key : needed)
    if (std::find(seen.begin(), seen.end(), key) == seen.end())
      return "the head of a payload has no '" + std::string(key) + "'";
  text = payload;
  return std::nullopt;
}

}  // namespace

std::variant<KernelText, Failure> ParseKernel(std::string_view payload) {
  KernelText kernel;
  const auto line = [&](std::string_view key, std::string_view value) { return KernelLine(key, value, kernel); };
  if (auto wrong = ParseHead(payload, {"number", "id", "kind", "entry"}, kernel.source, line)) return *wrong;
  return kernel;
}

std::variant<LinkedText, Failure> ParseLink(std::string_view payload) {
  LinkedText linked;
  const auto line = [&](std::string_view key, std::string_view value) { return LinkLine(key, value, linked); };
  if (auto wrong = ParseHead(payload, {"entry", "kernels", "group_size"}, linked.source, line)) return *wrong;
  return linked;
}

std::variant<std::uint32_t, Failure> ParseGo(std::string_view payload) {
  std::uint64_t generation = 0;
  if (!ParseNumber(payload, 1, kMostU32, generation)) return "'" + std::string(payload) + "' is no generation";
  return static_cast<std::uint32_t>(generation);
}

}  // namespace gpubridge
