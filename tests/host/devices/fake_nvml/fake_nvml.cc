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

namespace {

using Fields = std::vector<std::string>;

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

int put(const std::string& value, char* text, unsigned size) {
  if (value.size() + 1 > size) return 7;
  std::memcpy(text, value.c_str(), value.size() + 1);
  return 0;
}

int link_level(Device* a, Device* b) {
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
int nvmlDeviceGetHandleByIndex_v2(unsigned index, Device** device) {
  if (index >= g_machine.gpus.size()) return 2;
  *device = g_machine.gpus[index];
  return 0;
}
int nvmlDeviceGetUUID(Device* d, char* text, unsigned size) {
  return put(d->uuid, text, size);
}
int nvmlDeviceGetName(Device* d, char* text, unsigned size) {
  return put(d->name, text, size);
}
int nvmlDeviceGetMemoryInfo(Device* d, unsigned long long* memory) {
  enter("memory");
  if (d->lost) return 15;
  memory[0] = d->total;
  memory[1] = d->free;
  memory[2] = d->total - d->free;
  return 0;
}
int nvmlDeviceGetPciInfo_v3(Device* d, char* info) {
  return put(d->bus, info + 36, 32);  // busId, after the legacy id and five numbers
}
int nvmlDeviceGetMinorNumber(Device* d, unsigned* minor) {
  *minor = d->minor;
  return 0;
}
int nvmlDeviceGetCudaComputeCapability(Device* d, int* major, int* minor) {
  *major = d->compute / 10;
  *minor = d->compute % 10;
  return 0;
}
int nvmlDeviceGetTotalEccErrors(Device* d, int, int, unsigned long long* errors) {
  *errors = d->ecc;
  return d->lost ? 15 : 0;
}
int nvmlDeviceGetMigMode(Device* d, unsigned* current, unsigned* pending) {
  *current = *pending = d->slices.empty() ? 0 : 1;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(Device*, unsigned* count) {
  *count = 7;
  return 0;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Device* d, unsigned index, Device** slice) {
  if (index >= d->slices.size()) return 6;
  *slice = d->slices[index];
  return 0;
}
int nvmlDeviceGetGpuInstanceId(Device* d, unsigned* id) {
  *id = d->gi;
  return 0;
}
int nvmlDeviceGetComputeInstanceId(Device* d, unsigned* id) {
  *id = d->ci;
  return 0;
}
int nvmlDeviceGetTopologyCommonAncestor(Device* a, Device* b, int* level) {
  *level = link_level(a, b);
  return 0;
}
int nvmlDeviceGetP2PStatus(Device* a, Device* b, int, int* status) {
  *status = link_level(a, b) == 0 ? 0 : 3;
  return 0;
}
int nvmlEventSetCreate(void** set) {
  *set = &g_machine;
  return 0;
}
int nvmlDeviceRegisterEvents(Device*, unsigned long long, void*) {
  return 0;
}
struct EventData {
  Device* device;
  unsigned long long type, data;
  unsigned gi, ci;
};
int nvmlEventSetWait_v2(void*, EventData* data, unsigned) {
  if (g_machine.xids.empty()) return 10;
  *data = {g_machine.xids.back().first, 8, g_machine.xids.back().second, 0, 0};
  g_machine.xids.pop_back();
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
