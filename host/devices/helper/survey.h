#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/devices/helper/nvml.h"
#include "host/devices/report.h"

namespace tenon::devices {

// Asks the driver what there is. Any call may hang: only in a process of its own.
class Survey {
 public:
  explicit Survey(const nvml::Library& library) : nvml_(library) {}

  // Why the driver cannot be asked, as a report; nothing when it can.
  bool begin(Report& refusal);
  Report ask();

 private:
  ReportedGpu describe(nvml::Device);
  void find_slices(nvml::Device, const ReportedGpu&, Report&);
  void find_links(const std::vector<nvml::Device>&, Report&);
  void check_ecc(nvml::Device, ReportedGpu&) const;
  void watch(nvml::Device, const std::string& uuid);
  void take_events();

  const nvml::Library nvml_;
  nvml::EventSet events_ = nullptr;
  std::map<std::string, nvml::Device> watched_;     // by UUID
  std::map<std::string, unsigned long long> xids_;  // the last error that counts, by UUID
};

}  // namespace tenon::devices
