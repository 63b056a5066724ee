// Program binaries and proofs of earlier processes, one file each in a folder of this user's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpubridge::opencl {

using Bytes = std::vector<std::uint8_t>;

// A file holds its full key, the length and a checksum of its content; one that does not fit is as if it were not there.
// What it returns is handed to a driver that runs it: the folder is refused where others could write to it.
class ProgramCache {
 public:
  // An empty folder name: no cache. `refusal` says why a folder is not used.
  ProgramCache(const std::string& folder, std::string& refusal);

  bool enabled() const { return !folder_.empty(); }

  // Whether a file with this key is there; its content may still turn out to be damaged.
  bool Has(std::string_view key) const;
  std::optional<Bytes> Read(std::string_view key) const;

  // Replaces the file at once or not at all. A full disk is no error: there is just no file then.
  void Write(std::string_view key, const Bytes& content) const;

 private:
  std::filesystem::path PathOf(std::string_view key) const;
  void RemoveUnused() const;

  std::filesystem::path folder_;
};

// Lets PoCL keep its own compiled code in this folder too, unless the user said where: with it a program binary loads in a few
// milliseconds, without it in tens. Removes what killed processes left there. Before the first call of OpenCL.
void KeepPoclCacheIn(const std::string& folder);

// FNV-1a, 64 bits.
std::uint64_t HashOf(std::string_view text);

}  // namespace gpubridge::opencl
