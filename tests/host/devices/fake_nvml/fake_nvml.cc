// A libnvidia-ml.so.1 that plays the machine in the file that TENON_FAKE_NVML names. The file is
// read anew at each count, so that a test changes the machine by writing it. Lines, fields between
// '|':
//   init|CODE                          what nvmlInit answers
//   hang|FUNCTION|MILLISECONDS         init, count or memory take that long
//   die|FUNCTION                       the process ends there
//   gpu|UUID|NAME|BUS|MINOR|CC|TOTAL|FREE|ECC      CC as 90, sizes in bytes
//   mig|UUID|PARENT|NAME|GI|CI|TOTAL|FREE
//   link|I|J|LEVEL                     of gpus by number; 0: NVLink, else the common ancestor
//   lost|UUID                          calls for it answer NVML_ERROR_GPU_IS_LOST
//   xid|UUID|NUMBER                    an event, once for each reading
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "host/devices/helper/nvml.h"

namespace {

namespace nvml = tenon::devices::nvml;

using Fields = std::vector<std::string>;

// What the caller holds as a `nvml::Device`.
struct Device {
  std::string uuid, name, bus;
  unsigned minor = 0, gi = 0, ci = 0;
  int compute = 0;
  unsigned long long total = 0, free = 0, ecc = 0;
  bool lost = false;
  std::vector<Device*> slices;
};

struct Machine {
  int init = 0;
  std::map<std::string, int> hangs;
  std::map<std::string, bool> deaths;
  std::vector<Device*> gpus;
  std::map<std::pair<unsigned, unsigned>, int> links;
  std::vector<std::pair<Device*, unsigned long long>> xids;
};

std::map<std::string, Device> g_devices;  // handles stay what they are
Machine g_machine;

void read_line(Machine& machine, const Fields& f) {
  if (f[0] == "init") machine.init = std::stoi(f[1]);
  if (f[0] == "hang") machine.hangs[f[1]] = std::stoi(f[2]);
  if (f[0] == "die") machine.deaths[f[1]] = true;
  if (f[0] == "gpu") {
    Device& device = g_devices[f[1]];
    device = {f[1],
              f[2],
              f[3],
              static_cast<unsigned>(std::stoul(f[4])),
              0,
              0,
              std::stoi(f[5]),
              std::stoull(f[6]),
              std::stoull(f[7]),
              std::stoull(f[8]),
              false,
              {}};
    machine.gpus.push_back(&device);
  }
  if (f[0] == "mig") {
    Device& device = g_devices[f[1]];
    device = {f[1],
              f[3],
              "",
              0,
              static_cast<unsigned>(std::stoul(f[4])),
              static_cast<unsigned>(std::stoul(f[5])),
              0,
              std::stoull(f[6]),
              std::stoull(f[7]),
              0,
              false,
              {}};
    g_devices[f[2]].slices.push_back(&device);
  }
  if (f[0] == "link") machine.links[{std::stoul(f[1]), std::stoul(f[2])}] = std::stoi(f[3]);
  if (f[0] == "lost") g_devices[f[1]].lost = true;
  if (f[0] == "xid") machine.xids.emplace_back(&g_devices[f[1]], std::stoull(f[2]));
}

void read_machine() {
  Machine machine;
  const char* path = std::getenv("TENON_FAKE_NVML");
  std::ifstream in(path == nullptr ? "" : path);
  for (std::string line; std::getline(in, line);) {
    Fields fields;
    std::istringstream parts(line);
    for (std::string field; std::getline(parts, field, '|');) fields.push_back(field);
    if (!fields.empty()) read_line(machine, fields);
  }
  g_machine = machine;
}

void enter(const char* function) {
  if (g_machine.deaths.contains(function)) std::abort();
  if (const auto hang = g_machine.hangs.find(function); hang != g_machine.hangs.end()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(hang->second));
  }
}

Device& of(nvml::Device handle) {
  return *reinterpret_cast<Device*>(handle);
}
nvml::Device handle_of(Device* device) {
  return reinterpret_cast<nvml::Device>(device);
}

int put(const std::string& value, char* text, unsigned size) {
  if (value.size() + 1 > size) return 7;
  std::memcpy(text, value.c_str(), value.size() + 1);
  return 0;
}

int link_level(const Device* a, const Device* b) {
  for (const auto& [pair, level] : g_machine.links) {
    const auto* x = g_machine.gpus[pair.first];
    const auto* y = g_machine.gpus[pair.second];
    if ((x == a && y == b) || (x == b && y == a)) return level;
  }
  return 50;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int nvmlInit_v2() {
  read_machine();
  enter("init");
  return g_machine.init;
}
int nvmlShutdown() {
  return 0;
}
const char* nvmlErrorString(int code) {
  return code == 15 ? "GPU is lost" : "played error";
}
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  return put("550.54.15", text, size);
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  read_machine();
  enter("count");
  *count = static_cast<unsigned>(g_machine.gpus.size());
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvml::Device* device) {
  if (index >= g_machine.gpus.size()) return 2;
  *device = handle_of(g_machine.gpus[index]);
  return 0;
}
int nvmlDeviceGetUUID(nvml::Device d, char* text, unsigned size) {
  return put(of(d).uuid, text, size);
}
int nvmlDeviceGetName(nvml::Device d, char* text, unsigned size) {
  return put(of(d).name, text, size);
}
int nvmlDeviceGetMemoryInfo(nvml::Device d, nvml::Memory* memory) {
  enter("memory");
  if (of(d).lost) return 15;
  *memory = {of(d).total, of(d).free, of(d).total - of(d).free};
  return 0;
}
int nvmlDeviceGetPciInfo_v3(nvml::Device d, nvml::PciInfo* info) {
  return put(of(d).bus, info->bus_id, sizeof(info->bus_id));
}
int nvmlDeviceGetMinorNumber(nvml::Device d, unsigned* minor) {
  *minor = of(d).minor;
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(nvml::Device d, int* major, int* minor) {
  *major = of(d).compute / 10;
  *minor = of(d).compute % 10;
  return 0;
}
int nvmlDeviceGetTotalEccErrors(nvml::Device d, int, int, unsigned long long* errors) {
  *errors = of(d).ecc;
  return of(d).lost ? 15 : 0;
}
int nvmlDeviceGetMigMode(nvml::Device d, unsigned* current, unsigned* pending) {
  *current = *pending = of(d).slices.empty() ? 0 : 1;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(nvml::Device, unsigned* count) {
  *count = 7;
  return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(nvml::Device d, unsigned index, nvml::Device* slice) {
  if (index >= of(d).slices.size()) return 6;
  *slice = handle_of(of(d).slices[index]);
  return 0;
}
int nvmlDeviceGetGpuInstanceId(nvml::Device d, unsigned* id) {
  *id = of(d).gi;
  return 0;
}
int nvmlDeviceGetComputeInstanceId(nvml::Device d, unsigned* id) {
  *id = of(d).ci;
  return 0;
}
int nvmlDeviceGetTopologyCommonAncestor(nvml::Device a, nvml::Device b, int* level) {
  *level = link_level(&of(a), &of(b));
  return 0;
}
int nvmlDeviceGetP2PStatus(nvml::Device a, nvml::Device b, int, int* status) {
  *status = link_level(&of(a), &of(b)) == 0 ? 0 : 3;
  return 0;
}
int nvmlEventSetCreate(nvml::EventSet* set) {
  *set = reinterpret_cast<nvml::EventSet>(&g_machine);
  return 0;
}
int nvmlDeviceRegisterEvents(nvml::Device, unsigned long long, nvml::EventSet) {
  return 0;
}
int nvmlEventSetWait_v2(nvml::EventSet, nvml::EventData* data, unsigned) {
  if (g_machine.xids.empty()) return 10;
  *data = {handle_of(g_machine.xids.back().first), 8, g_machine.xids.back().second, 0, 0};
  g_machine.xids.pop_back();
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
