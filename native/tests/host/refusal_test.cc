// What a host says to command lines, regions and frames that make no sense, and that it ends by it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/command_line.h"
#include "host/frames.h"
#include "host/report.h"
#include "host/silo.h"

namespace gpubridge::testing {
namespace {

std::string Complaint(std::vector<const char*> words) {
  const Command command = ParseCommandLine(words);
  const auto* bad = std::get_if<BadCommandLine>(&command);
  return bad == nullptr ? "" : bad->reason;
}

TEST(CommandLine, TakesAllOptions) {
  const std::vector<const char*> words = {
      "--backend", "opencl",          "--device",   "3",        "--region-fd",    "7",     "--generation", "4294967295",
      "--mode",    "leased",          "--cache",    "/tmp/x y", "--idle-park-us", "0",     "--standby",    "true",
      "--silo-pid", "77",             "--host-coherent", "false", "--lease-entries", "12"};
  const Command command = ParseCommandLine(words);
  const auto& serve = std::get<ServeCommand>(command);
  EXPECT_EQ(serve.backend, "opencl");
  EXPECT_EQ(serve.open.device, 3u);
  EXPECT_EQ(serve.open.cache_folder, "/tmp/x y");
  EXPECT_TRUE(serve.open.force_incoherent);
  EXPECT_EQ(serve.region_fd, 7);
  EXPECT_EQ(serve.generation, 4294967295u);
  EXPECT_EQ(serve.mode, Mode::kLeased);
  EXPECT_EQ(serve.idle_park_us, 0u);
  EXPECT_EQ(serve.lease_entries, 12u);
  EXPECT_TRUE(serve.standby);
  EXPECT_EQ(serve.silo_pid, 77u);
  const std::vector<const char*> probe = {"--probe", "cpu"};
  EXPECT_EQ(std::get<ProbeCommand>(ParseCommandLine(probe)).backend, "cpu");
}

TEST(CommandLine, SaysExactlyWhatIsWrong) {
  EXPECT_EQ(Complaint({}), "--backend is missing");
  EXPECT_EQ(Complaint({"--backend"}), "--backend needs a value");
  EXPECT_EQ(Complaint({"--backend", ""}), "--backend needs a value");
  EXPECT_EQ(Complaint({"--probe"}), "--probe needs the name of a backend and nothing else");
  EXPECT_EQ(Complaint({"--probe", "cpu", "--device", "0"}), "--probe needs the name of a backend and nothing else");
  EXPECT_EQ(Complaint({"--nonsense", "1"}), "unknown option --nonsense");
  EXPECT_EQ(Complaint({"--device", "1", "--device", "1"}), "--device is given twice");
  for (const char* value : {"-1", "", " 1", "1 ", "0x1", "4294967296", "99999999999999999999999", "1.0"})
    EXPECT_EQ(Complaint({"--device", value}),
              "--device needs a number from 0 to 4294967295, not '" + std::string(value) + "'");
  EXPECT_EQ(Complaint({"--generation", "0"}), "--generation needs a number from 1 to 4294967295, not '0'");
  EXPECT_EQ(Complaint({"--mode", "fast"}), "--mode needs auto|resident|leased|launched, not 'fast'");
  EXPECT_EQ(Complaint({"--host-coherent", "true"}), "--host-coherent needs auto|false, not 'true'");
  EXPECT_EQ(Complaint({"--backend", "cpu", "--device", "0", "--region-fd", "3"}), "--generation is missing");
}

TEST(Program, EndsWithTheCodeOfWhatIsWrong) {
  HostProcess bad({"--mode", "fast"});
  EXPECT_EQ(bad.AwaitCode(), 64);
  EXPECT_TRUE(bad.lines().at(0).starts_with("fatal code=64 reason=--mode%20needs%20auto")) << bad.lines()[0];
  HostProcess without({"--backend", "abacus", "--device", "0", "--region-fd", "3", "--generation", "1"});
  EXPECT_EQ(without.AwaitCode(), 69);
  HostProcess absent({"--probe", "abacus"});
  EXPECT_EQ(absent.AwaitCode(), 69);
  EXPECT_TRUE(absent.lines().at(0).starts_with("absent reason=")) << absent.lines()[0];
  HostProcess probe({"--probe", "cpu"});
  EXPECT_EQ(probe.AwaitCode(), 0);
  EXPECT_TRUE(probe.lines().at(0).starts_with("device index=0 name=")) << probe.lines()[0];
  EXPECT_NE(probe.lines()[0].find(" type=cpu "), std::string::npos);
  EXPECT_NE(probe.lines()[0].find(" modes=resident max_bytes=0 offers=f64,i64,i64-atomics"), std::string::npos);
  Silo silo({.arguments = {}});
  HostProcess other({"--backend", "cpu", "--device", "1", "--region-fd", std::to_string(silo.region_fd()), "--generation", "1"},
                    silo.region_fd());
  EXPECT_EQ(other.AwaitCode(), 69);
}

TEST(Lines, AreReadableAndUnambiguous) {
  EXPECT_EQ(PercentEncode("abc-_.~,/:@+()*09"), "abc-_.~,/:@+()*09");
  EXPECT_EQ(PercentEncode(std::string_view("a b=c%\n\xC3\xA4\0", 10)), "a%20b%3Dc%25%0A%C3%A4%00");
}

// --- frames

std::deque<Frame> Cut(std::string_view bytes, std::size_t step) {
  FrameCutter cutter;
  std::deque<Frame> frames;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    EXPECT_EQ(cutter.Take(bytes.substr(at, step), frames), std::nullopt);
    EXPECT_EQ(cutter.IsBetweenFrames(), at + step >= bytes.size() || bytes.substr(0, at + step).ends_with("!"));
  }
  return frames;
}

TEST(Frames, AreCutWhereverTheBytesEnd) {
  constexpr std::string_view kBytes = "kernel 6\nab\n d!seal 1\n!go 2\n4!";
  for (std::size_t step = 1; step <= kBytes.size(); step++) {
    const std::deque<Frame> frames = Cut(kBytes, step);
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0].verb, "kernel");
    EXPECT_EQ(frames[0].payload, "ab\n d!");
    EXPECT_EQ(frames[1].verb, "seal");
    EXPECT_EQ(frames[2].payload, "4!");
  }
  FrameCutter cutter;
  std::deque<Frame> frames;
  EXPECT_EQ(cutter.Take("seal 0\n", frames), std::nullopt);
  EXPECT_TRUE(cutter.IsBetweenFrames());
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].payload, "");
}

TEST(Frames, AreRefusedWhenTheirHeadsMakeNoSense) {
  const std::string long_verb(FrameCutter::kMostHeadBytes + 1, 'x');
  for (const std::string& bytes : {std::string("\n"), std::string("kernel\n"), std::string(" 5\n"), std::string("kernel -5\n"),
                                   std::string("kernel 5 5\n"), std::string("kernel 67108865\n"), long_verb,
                                   std::string("kernel 99999999999999999999\n")}) {
    FrameCutter cutter;
    std::deque<Frame> frames;
    EXPECT_NE(cutter.Take(bytes, frames), std::nullopt) << bytes;
    EXPECT_TRUE(frames.empty());
  }
}

TEST(Frames, CarryKernels) {
  const auto parsed = ParseKernel(
      "number 7\nid a/b@c\nkind grid\nworkgroup 8 2 1\nentry f\nflags -O3 -g\nlibrary /x y.so\nfingerprint ab\n"
      "slot column 4 in 1 items 1\nslot scratch 8 inout 0 items 5\nslot column 4 out 1 0 0\n\nline 1\n\nline 2\n");
  const auto& kernel = std::get<KernelText>(parsed);
  EXPECT_EQ(kernel.number, 7u);
  EXPECT_TRUE(kernel.is_grid);
  EXPECT_EQ(kernel.workgroup[0] * 100 + kernel.workgroup[1] * 10 + kernel.workgroup[2], 821u);
  EXPECT_EQ(kernel.flags, "-O3 -g");
  EXPECT_EQ(kernel.library, "/x y.so");
  ASSERT_EQ(kernel.slots.size(), 3u);
  EXPECT_EQ(kernel.slots[1].part, SlotPart::kScratch);
  EXPECT_EQ(kernel.slots[1].element_bytes, 8u);
  EXPECT_EQ(kernel.slots[1].access, SlotAccess::kInOut);
  const auto& [items, number, first] = std::tie(kernel.slots[0].least, kernel.slots[1].least, kernel.slots[2].least);
  EXPECT_EQ(std::tie(items.times, items.of, items.plus), std::tuple(1u, LeastLength::kItems, 1u));
  EXPECT_EQ(std::tie(number.times, number.of, number.plus), std::tuple(0u, LeastLength::kItems, 5u));
  EXPECT_EQ(std::tie(first.times, first.of, first.plus), std::tuple(1u, 0u, 0u));
  EXPECT_EQ(kernel.source, "line 1\n\nline 2\n");
}

TEST(Frames, CarryLinks) {
  const auto parsed =
      ParseLink("entry mega\nflags\nkernels 1 2 30\ngroup_size any\nshared_bytes 64\nfingerprint ab\n\ntext");
  const auto& linked = std::get<LinkedText>(parsed);
  EXPECT_EQ(linked.kernels, (std::vector<std::uint32_t>{1, 2, 30}));
  EXPECT_EQ(linked.group_size, 0u);
  EXPECT_EQ(linked.shared_bytes, 64u);
  EXPECT_EQ(linked.source, "text");
  EXPECT_EQ(std::get<LinkedText>(ParseLink("entry m\nkernels 1\ngroup_size 64\n\n")).group_size, 64u);
}

// A host that is sent these bytes in the middle of its work ends with code 65.
class MalformedFrame : public ::testing::TestWithParam<std::string> {};

TEST_P(MalformedFrame, EndsTheHost) {
  Silo silo;
  silo.Serve();
  silo.host().SendRaw(GetParam());
  EXPECT_EQ(silo.host().AwaitCode(), 65);
  EXPECT_TRUE(silo.host().lines().back().starts_with("fatal code=65 reason=")) << silo.host().lines().back();
  EXPECT_EQ(silo.host_line().state, static_cast<std::uint32_t>(HostState::kFaulted));
}

INSTANTIATE_TEST_SUITE_P(Heads, MalformedFrame,
                         ::testing::Values("kernel\n", "kernel x\n", "kernel 67108865\n", std::string(70, '0')));

INSTANTIATE_TEST_SUITE_P(
    Payloads, MalformedFrame,
    ::testing::Values(HostProcess::FrameOf("nonsense", ""), HostProcess::FrameOf("seal", "x"),
                      HostProcess::FrameOf("go", "2"),  // It serves already.
                      HostProcess::FrameOf("kernel", ""), HostProcess::FrameOf("kernel", "\n"),
                      HostProcess::FrameOf("kernel", "number 9\nid a@b\nkind map\nentry f\n"),
                      HostProcess::FrameOf("kernel", "number 9\nnumber 9\nid a@b\nkind map\nentry f\n\n"),
                      HostProcess::FrameOf("kernel", "number 9\nid a@b\nkind tree\nentry f\n\n"),
                      HostProcess::FrameOf("kernel", "number 9\nid a@b\nkind map\n\n"),
                      HostProcess::FrameOf("kernel", "number 9\nid a@b\nkind map\nentry f\nslot column 3 in 1 items 0\n\n"),
                      HostProcess::FrameOf("kernel", "number 9\nid a@b\nkind map\nentry f\nslot column 4 in\n\n"),
                      HostProcess::FrameOf("kernel", "number 9\nid a@b\nkind map\nentry f\nslot column 4 in 1 0 0\n\n"),
                      HostProcess::FrameOf("kernel", "number 9\nid a@b\nkind map\nentry f\nworkgroup 8 0 1\n\n"),
                      HostProcess::FrameOf("link", "entry f\nkernels 1 x\ngroup_size any\n\n"),
                      HostProcess::FrameOf("link", "entry f\ngroup_size any\n\n")));

// --- regions

class BadRegion : public ::testing::Test {
 protected:
  // The reason that a host gives for not taking the silo's region, as its header is now.
  std::string Reason() {
    silo_.Start();
    silo_.host().Send("go", std::to_string(silo_.generation()));
    EXPECT_EQ(silo_.host().AwaitCode(), 65);
    return silo_.host().lines().empty() ? "" : silo_.host().lines().back();
  }
  RegionHeader& header() { return HeaderOf(silo_.region()); }

  Silo silo_;
};

TEST_F(BadRegion, IsRefused) {
  const RegionHeader good = header();
  const auto expect = [&](const char* reason) {
    EXPECT_EQ(Reason(), std::string("fatal code=65 reason=") + reason);
    header() = good;
  };
  header().magic++;
  expect("this%20is%20no%20region");
  header().version = 2;
  expect("the%20region%20is%20of%20version%202,%20not%201");
  header().ring_capacity = 7;
  expect("the%20capacity%20of%20the%20rings%20is%20not%20a%20power%20of%20two");
  header().ring_count = ~0u;
  expect("the%20rings%20do%20not%20fit%20in%20the%20region");
  header().arena_bytes_high = 1;
  expect("the%20arena%20does%20not%20fit%20in%20the%20region");
}

TEST_F(BadRegion, IsOneWhoseRingsAreNotPrepared) {
  silo_.Start();
  RingOf(silo_.region(), 0).header().generation = 77;
  silo_.host().Send("go", "1");
  EXPECT_EQ(silo_.host().AwaitCode(), 65);
  silo_.Start();
  RingOf(silo_.region(), 0).header().capacity = 1024;
  silo_.host().Send("go", "2");
  EXPECT_EQ(silo_.host().AwaitCode(), 65);
}

TEST_F(BadRegion, IsNoMemfdOrOneThatCanShrink) {
  HostProcess closed(HostArguments(999, 1));
  EXPECT_EQ(closed.AwaitCode(), 65);
  const int plain = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(ftruncate(plain, 1 << 20), 0);
  HostProcess unsealed(HostArguments(plain, 1), plain);
  EXPECT_EQ(unsealed.AwaitCode(), 65);
  EXPECT_EQ(unsealed.lines().at(0), "fatal code=65 reason=the%20region%20is%20not%20sealed%20against%20shrinking");
  ASSERT_EQ(ftruncate(plain, 0), 0);
  ASSERT_EQ(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  HostProcess empty(HostArguments(plain, 1), plain);
  EXPECT_EQ(empty.AwaitCode(), 65);
  close(plain);
}

}  // namespace
}  // namespace gpubridge::testing
