#include "host/devices/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tenon::devices {
namespace {

using testing::HasSubstr;

Report whole() {
  Report report;
  report.driver = "550.54.15";
  report.gpus = {{"GPU-a", "NVIDIA H100 80GB HBM3", "00000000:18:00.0", 0, 9, 0, 85'520'809'984,
                  85'000'000'000, true, Health::kOk, ""},
                 {"GPU-b", "NVIDIA L4", "00000000:19:00.0", 1, 8, 9, 24'000'000'000, 0, false,
                  Health::kFailing, "Xid 79"}};
  report.slices = {
      {"GPU-a", "MIG-1", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", 7, 0, 10'200'547'328, 9}};
  report.links = {{"GPU-a", "GPU-b", LinkLevel::kHostBridge}};
  return report;
}

std::string error_of(const std::string& text) {
  const auto report = parse_report(text);
  return report ? "" : report.error().message;
}

TEST(Report, IsReadAsItWasWritten) {
  EXPECT_EQ(*parse_report(encode(whole())), whole());
  Report none;
  none.absent = "no NVIDIA driver";
  EXPECT_EQ(*parse_report(encode(none)), none);
}

TEST(Report, WhatADriverPutsIntoNamesCannotBreakALine) {
  Report report = whole();
  report.gpus[0].name = "evil\tname\nend\n";
  EXPECT_EQ(parse_report(encode(report))->gpus[0].name, "evil?name?end?");
}

TEST(Report, FreeMemoryBeyondAllOfItIsCutToAllOfIt) {
  Report report = whole();
  report.gpus[1].free_bytes = 99'000'000'000;
  EXPECT_EQ(parse_report(encode(report))->gpus[1].free_bytes, 24'000'000'000u);
}

TEST(Report, RefusesWhatIsNone) {
  EXPECT_THAT(error_of(""), HasSubstr("without an end"));
  EXPECT_THAT(error_of("driver\t1\n"), HasSubstr("without an end"));
  EXPECT_THAT(error_of("driver\t1\nnonsense\nend\n"), HasSubstr("line 2"));
  EXPECT_THAT(error_of("driver\t1\t2\nend\n"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("gpu\tGPU-a\tx\tb\t0\t9\t0\t-5\t0\t0\tok\t\nend\n"), HasSubstr("line 1"));
  EXPECT_THAT(error_of("gpu\tGPU-a\tx\tb\t0\t9\t0\t5\t0\t0\tfine\t\nend\n"), HasSubstr("line 1"));
  EXPECT_THAT(error_of(std::string(kMostReportBytes, 'x') + "\nend\n"), HasSubstr("bytes"));
}

TEST(Report, RefusesContradictions) {
  Report twice = whole();
  twice.gpus[1].uuid = "GPU-a";
  EXPECT_THAT(error_of(encode(twice)), HasSubstr("a device twice"));
  Report orphan = whole();
  orphan.slices[0].parent = "GPU-x";
  EXPECT_THAT(error_of(encode(orphan)), HasSubstr("a slice of no device"));
  Report link = whole();
  link.links[0].b = "GPU-a";
  EXPECT_THAT(error_of(encode(link)), HasSubstr("a link between no two devices"));
  Report many;
  for (std::size_t i = 0; i <= kMostGpus; ++i) {
    many.gpus.push_back(whole().gpus[0]);
    many.gpus.back().uuid += std::to_string(i);
  }
  EXPECT_THAT(error_of(encode(many)), HasSubstr("line 65"));
}

}  // namespace
}  // namespace tenon::devices
