// What the programs of this folder share: they read zones and points as the
// benchmark writes them, look the points up, and report.
//
//   program ZONES OUT PASSES BUDGET_MS POINTS...
//
// For each file of points: the hits go to OUT.0, OUT.1 … as pairs of uint32
// (point, zone); the time of a point is the least of PASSES passes over as many
// points as fit in BUDGET_MS, in CPU time of the thread. The report on standard
// output is JSON.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

struct Position { double lng, lat; };
using Ring = std::vector<Position>;  // closed: the last position repeats the first
using Polygon = std::vector<Ring>;
struct Area : std::vector<Polygon> {
  bool odd = false;  // rings cross: inside is by even and odd
};
using Hits = std::vector<std::pair<uint32_t, uint32_t>>;

[[noreturn]] inline void fail(const std::string& what) {
  fprintf(stderr, "%s\n", what.c_str());
  exit(1);
}

inline std::vector<char> readFile(const char* path) {
  FILE* f = fopen(path, "rb");
  if (!f) fail(std::string("open ") + path);
  std::vector<char> b;
  fseek(f, 0, SEEK_END);
  b.resize(ftell(f));
  rewind(f);
  if (fread(b.data(), 1, b.size(), f) != b.size()) fail(std::string("read ") + path);
  fclose(f);
  return b;
}

inline std::vector<Area> readZones(const char* path) {
  const std::vector<char> b = readFile(path);
  size_t at = 0;
  auto get = [&](void* to, size_t n) {
    if (at + n > b.size()) fail(std::string("cut short: ") + path);
    memcpy(to, b.data() + at, n);
    at += n;
  };
  auto count = [&] { uint32_t n; get(&n, 4); return n; };
  std::vector<Area> areas(count());
  for (auto& a : areas) {
    const uint32_t polygons = count();
    a.odd = polygons >> 31;
    a.resize(polygons & 0x7fffffff);
    for (auto& p : a) {
      p.resize(count());
      for (auto& r : p) {
        r.resize(count());
        get(r.data(), r.size() * sizeof(Position));
      }
    }
  }
  return areas;
}

inline double threadSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

inline size_t heapBytes() {
  malloc_trim(0);
  struct mallinfo2 m = mallinfo2();
  return m.uordblks + m.hblkhd;
}

// run builds an index with make(areas), which find(index, position, point, hits)
// asks.
template <class Make, class Find>
int run(int argc, char** argv, const std::string& version, Make make, Find find) {
  if (argc < 6) fail("usage: program ZONES OUT PASSES BUDGET_MS POINTS...");
  const int passes = atoi(argv[3]);
  const double budget = atof(argv[4]) / 1000;
  const size_t before = heapBytes();
  std::vector<Area> areas = readZones(argv[1]);
  const double before_cpu = static_cast<double>(clock()) / CLOCKS_PER_SEC;
  const auto start = std::chrono::steady_clock::now();
  auto index = make(areas);
  const double cpu = static_cast<double>(clock()) / CLOCKS_PER_SEC - before_cpu;
  const double build = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  areas = {};
  printf("{\"version\":\"%s\",\"build_seconds\":%.3f,\"build_cpu_seconds\":%.3f,\"loads\":[", version.c_str(), build, cpu);
  for (int k = 5; k < argc; k++) {
    const std::vector<char> b = readFile(argv[k]);
    const Position* pts = reinterpret_cast<const Position*>(b.data());
    const uint32_t n = b.size() / sizeof(Position);
    Hits hits;
    for (uint32_t i = 0; i < n; i++) find(index, pts[i], i, hits);
    FILE* out = fopen((std::string(argv[2]) + "." + std::to_string(k - 5)).c_str(), "wb");
    if (!out || fwrite(hits.data(), 8, hits.size(), out) != hits.size() || fclose(out)) fail("write hits");
    auto pass = [&](uint32_t n) {
      size_t found = 0;
      const double start = threadSeconds();
      for (uint32_t i = 0; i < n; i++) {
        if (i % 4096 == 0) {
          found += hits.size();
          hits.clear();
        }
        find(index, pts[i], i, hits);
      }
      found += hits.size();
      hits.clear();
      return std::make_pair(threadSeconds() - start, found);
    };
    hits.clear();
    const uint32_t probe = std::min<uint32_t>(n, 1024);
    const double took = std::max(pass(probe).first, 1e-6);
    const uint32_t m = std::min<double>(n, std::max<double>(probe, probe * budget / took));
    double best = 1e300;
    size_t found = 0;
    for (int i = 0; i < passes; i++) {
      auto [t, f] = pass(m);
      best = std::min(best, t / m);
      found = f;
    }
    printf("%s{\"ns_per_point\":%.2f,\"points\":%u,\"hits\":%zu}", k > 5 ? "," : "", best * 1e9, m, found);
  }
  printf("],\"heap_bytes\":%zd}\n", static_cast<ssize_t>(heapBytes() - before));
  return 0;
}
