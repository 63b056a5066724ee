#include "program_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace gpubridge::opencl {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 8> kMagic = {'G', 'B', 'C', 'L', 'B', 'I', 'N', '1'};
// Kernels change; what nobody has read for so long belongs to an old version.
constexpr std::chrono::hours kUnused{24 * 30};
// A draft is a matter of moments; an old one was left by a process that was killed.
constexpr std::chrono::minutes kDraft{10};
constexpr const char* kEnding = ".bin";

struct FileHead {
  std::array<char, 8> magic;
  std::uint64_t key_bytes;
  std::uint64_t content_bytes;
  std::uint64_t content_hash;
};

std::string_view TextOf(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Opens the file and reads head and key; nothing where they are not those of `key`.
std::optional<FileHead> ReadHead(std::ifstream& file, std::string_view key) {
  FileHead head;
  if (!file.read(reinterpret_cast<char*>(&head), sizeof head)) return std::nullopt;
  if (head.magic != kMagic || head.key_bytes != key.size()) return std::nullopt;
  std::string stored(key.size(), '\0');
  if (!file.read(stored.data(), static_cast<std::streamsize>(stored.size())) || stored != key) return std::nullopt;
  return head;
}

bool WriteAll(int fd, const void* data, std::size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = write(fd, next, bytes);
    if (written <= 0) return false;
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
  return true;
}

// Makes the folder where it is missing. What lies in it will be run: the reason why that is not safe, or null.
const char* MakePrivateFolder(const fs::path& folder) {
  std::error_code ignored;
  fs::create_directories(folder.parent_path(), ignored);
  mkdir(folder.c_str(), S_IRWXU);
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return "it is no folder";
  if (status.st_uid != geteuid()) return "it belongs to another user";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others can write to it";
  return nullptr;
}

void RemoveOlder(const fs::directory_entry& entry, std::chrono::seconds limit) {
  std::error_code error;
  const fs::file_time_type written = entry.last_write_time(error);
  if (!error && fs::file_time_type::clock::now() - written > limit) fs::remove(entry.path(), error);
}

}  // namespace

std::uint64_t HashOf(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

ProgramCache::ProgramCache(const std::string& folder, std::string& refusal) {
  if (folder.empty()) return;
  const fs::path path = fs::path(folder) / "opencl";
  if (const char* distrust = MakePrivateFolder(path)) {
    refusal = "no program binaries are kept in " + path.string() + ": " + distrust;
    return;
  }
  folder_ = path;
  RemoveUnused();
}

fs::path ProgramCache::PathOf(std::string_view key) const {
  std::array<char, 17> name;
  std::snprintf(name.data(), name.size(), "%016llx", static_cast<unsigned long long>(HashOf(key)));
  return folder_ / (std::string(name.data()) + kEnding);
}

bool ProgramCache::Has(std::string_view key) const {
  if (!enabled()) return false;
  std::ifstream file(PathOf(key), std::ios::binary);
  return file && ReadHead(file, key).has_value();
}

std::optional<Bytes> ProgramCache::Read(std::string_view key) const {
  if (!enabled()) return std::nullopt;
  const fs::path path = PathOf(key);
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  const std::optional<FileHead> head = ReadHead(file, key);
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  if (!head || error || size != sizeof(FileHead) + head->key_bytes + head->content_bytes) return std::nullopt;
  Bytes content(head->content_bytes);
  if (!file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(content.size()))) return std::nullopt;
  if (HashOf(TextOf(content)) != head->content_hash) return std::nullopt;
  // Says that it is in use.
  fs::last_write_time(path, fs::file_time_type::clock::now(), error);
  return content;
}

void ProgramCache::Write(std::string_view key, const Bytes& content) const {
  if (!enabled()) return;
  static std::atomic<unsigned> serial{0};
  const fs::path path = PathOf(key);
  const fs::path draft = path.string() + '.' + std::to_string(getpid()) + '.' + std::to_string(serial++) + ".tmp";
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return;
  const FileHead head{kMagic, key.size(), content.size(), HashOf(TextOf(content))};
  const bool written = WriteAll(fd, &head, sizeof head) && WriteAll(fd, key.data(), key.size()) &&
                       WriteAll(fd, content.data(), content.size());
  if (close(fd) != 0 || !written || rename(draft.c_str(), path.c_str()) != 0) unlink(draft.c_str());
}

void ProgramCache::RemoveUnused() const {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    const fs::path ending = entry.path().extension();
    if (ending == kEnding) RemoveOlder(entry, kUnused);
    if (ending == ".tmp") RemoveOlder(entry, kDraft);
  }
}

void KeepPoclCacheIn(const std::string& folder) {
  if (folder.empty() || getenv("POCL_CACHE_DIR") != nullptr) return;
  const fs::path path = fs::path(folder) / "pocl";
  if (MakePrivateFolder(path) != nullptr) return;
  setenv("POCL_CACHE_DIR", path.c_str(), 0);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.path().filename().string().starts_with("tempfile_")) RemoveOlder(entry, kDraft);
  }
}

}  // namespace gpubridge::opencl
