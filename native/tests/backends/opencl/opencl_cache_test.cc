// Program binaries: kept, found again, and never trusted where they are damaged or where others could have written them.
#include <sys/stat.h>

#include <fstream>

#include "backends/opencl/linked_text.h"
#include "backends/opencl/opencl_fixture.h"
#include "backends/opencl/program.h"
#include "backends/opencl/program_cache.h"
#include "backends/opencl/session.h"

namespace gpubridge {
namespace {

namespace fs = std::filesystem;
using opencl::Bytes;
using opencl::ProgramCache;

std::vector<fs::path> FilesIn(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  return files;
}

void Overwrite(const fs::path& file, std::streamoff at, char value) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(at);
  stream.put(value);
}

class ProgramFiles : public testing::Test {
 protected:
  fs::path OnlyFile() const {
    const std::vector<fs::path> files = FilesIn(folder_.path() / "opencl");
    EXPECT_EQ(files.size(), 1u);
    return files.empty() ? fs::path() : files[0];
  }

  TemporaryFolder folder_;
  std::string refusal_;
  const Bytes content_ = {1, 2, 3, 4, 5};
};

TEST_F(ProgramFiles, GivesBackWhatWasWrittenUnderTheSameKey) {
  const ProgramCache cache(folder_.path(), refusal_);
  EXPECT_EQ(refusal_, "");
  EXPECT_FALSE(cache.Has("key"));
  cache.Write("key", content_);
  EXPECT_TRUE(cache.Has("key"));
  EXPECT_EQ(cache.Read("key"), content_);
  EXPECT_FALSE(cache.Has("other key"));
  cache.Write("key", {});
  EXPECT_EQ(cache.Read("key"), Bytes());
  OnlyFile();
}

TEST_F(ProgramFiles, SeesEveryDamage) {
  const ProgramCache cache(folder_.path(), refusal_);
  cache.Write("key", content_);
  const auto bytes = static_cast<std::streamoff>(fs::file_size(OnlyFile()));
  for (std::streamoff at = 0; at < bytes; ++at) {
    cache.Write("key", content_);
    Overwrite(OnlyFile(), at, '\xa5');
    EXPECT_EQ(cache.Read("key"), std::nullopt) << "byte " << at;
  }
  for (std::streamoff length = 0; length < bytes; ++length) {
    cache.Write("key", content_);
    fs::resize_file(OnlyFile(), static_cast<std::uintmax_t>(length));
    EXPECT_EQ(cache.Read("key"), std::nullopt) << length << " bytes";
  }
}

TEST_F(ProgramFiles, RefusesAFolderThatOthersCanWriteTo) {
  const fs::path folder = folder_.path() / "opencl";
  fs::create_directory(folder);
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  const ProgramCache cache(folder_.path(), refusal_);
  EXPECT_FALSE(cache.enabled());
  EXPECT_NE(refusal_.find("others can write"), std::string::npos) << refusal_;
  cache.Write("key", content_);
  EXPECT_FALSE(cache.Has("key"));
}

TEST_F(ProgramFiles, IsMadeForItsUserAlone) {
  const ProgramCache cache(folder_.path() / "new", refusal_);
  struct stat status {};
  ASSERT_EQ(stat((folder_.path() / "new" / "opencl").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(ProgramFiles, RemovesWhatIsLongUnused) {
  ProgramCache(folder_.path(), refusal_).Write("key", content_);
  fs::last_write_time(OnlyFile(), fs::file_time_type::clock::now() - std::chrono::hours(24 * 40));
  EXPECT_FALSE(ProgramCache(folder_.path(), refusal_).Has("key"));
}

// A backend over this test's folder. A file that was written again has another number.
class OpenClPrograms : public ProgramFiles {
 protected:
  // Runs a kernel in a backend opened anew; false where the result is wrong.
  bool LoadAndRun() {
    OpenOptions options;
    options.cache_folder = folder_.path();
    options.force_incoherent = true;  // Without proof and resident form there is one file: the kernel.
    const std::unique_ptr<Backend> backend = OpenOpenCl(options);
    TestRegion memory;
    const std::uint64_t column = memory.Allocate(4);
    const std::uint64_t block = memory.Block(1, {{0, 1, column}});
    return backend != nullptr && !backend->Attach(memory.region()) && !backend->Load(AddingKernel(5)) &&
           backend->Run(RunEntry(5, block, 0, 1)).status == Status::kOk && *memory.Words(column) == 5;
  }

  // What the file was before; also tells a rewritten file from an unchanged one.
  ino_t FileNumber() const {
    struct stat status {};
    EXPECT_EQ(stat(OnlyFile().c_str(), &status), 0);
    return status.st_ino;
  }
};

TEST_F(OpenClPrograms, AreBuiltOnceAndThenTakenFromTheirBinary) {
  ASSERT_TRUE(LoadAndRun());
  const ino_t built = FileNumber();
  ASSERT_TRUE(LoadAndRun());
  EXPECT_EQ(FileNumber(), built);
}

TEST_F(OpenClPrograms, AreBuiltAgainWhereTheBinaryIsDamaged) {
  ASSERT_TRUE(LoadAndRun());
  const ino_t built = FileNumber();
  // Behind head and key: seen only when it is read, after Load has answered.
  Overwrite(OnlyFile(), static_cast<std::streamoff>(fs::file_size(OnlyFile())) - 100, '\x5a');
  ASSERT_TRUE(LoadAndRun());
  EXPECT_NE(FileNumber(), built);
}

TEST_F(OpenClPrograms, AreBuiltAgainWhereTheDriverRefusesTheBinary) {
  ASSERT_TRUE(LoadAndRun());
  std::string key;
  {
    std::ifstream file(OnlyFile(), std::ios::binary);
    std::uint64_t head[4];
    file.read(reinterpret_cast<char*>(head), sizeof head);
    key.resize(head[1]);
    file.read(key.data(), static_cast<std::streamsize>(key.size()));
  }
  ProgramCache(folder_.path(), refusal_).Write(key, {'n', 'o', ' ', 'b', 'i', 'n', 'a', 'r', 'y'});
  const ino_t refused = FileNumber();
  ASSERT_TRUE(LoadAndRun());
  EXPECT_NE(FileNumber(), refused);
}

TEST_F(OpenClPrograms, HoldTheResidentForm) {
  const auto seal = [&] {
    OpenOptions options;
    options.cache_folder = folder_.path();
    const std::unique_ptr<Backend> backend = OpenOpenCl(options);
    if (!backend->capabilities().resident) return true;
    TestRegion memory;
    EXPECT_EQ(backend->Attach(memory.region()), std::nullopt);
    const LinkedText linked = AddingLoop("kept", {1}, 0);
    EXPECT_EQ(backend->Seal({&linked, 1}), std::nullopt);
    return backend->IsSealedFromCache();
  };
  seal();
  EXPECT_TRUE(seal());
}

}  // namespace
}  // namespace gpubridge
