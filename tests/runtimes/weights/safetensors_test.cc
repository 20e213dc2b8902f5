#include "runtimes/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace tenon::weights {
namespace {

using testing::HasSubstr;

std::string file_of(std::string_view header, std::size_t data, std::uint64_t length) {
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  return file + std::string(header) + std::string(data, 'd');
}

std::string file_of(std::string_view header, std::size_t data) {
  return file_of(header, data, header.size());
}

Result<SafetensorsHeader> parse(const std::string& file) {
  return SafetensorsHeader::parse(std::as_bytes(std::span(file)));
}

std::string error_of(const std::string& file) {
  const auto header = parse(file);
  return header ? "" : header.error().message;
}

constexpr std::string_view kGood =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},)"
    R"("a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"none":{"dtype":"F32","shape":[0,7],"data_offsets":[8,8]}}  )";

// kGood with one text replaced, over 32 bytes of data.
std::string changed(std::string_view old, std::string_view replacement) {
  std::string header(kGood);
  header.replace(header.find(old), old.size(), replacement);
  return file_of(header, 32);
}

TEST(SafetensorsTest, ReadsAGoodHeader) {
  const std::string file = file_of(kGood, 32);
  const auto header = parse(file);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->tensors.size(), 3U);
  const TensorEntry& b = header->tensors.at("b");
  EXPECT_EQ(b.dtype, tensor::DType::kF32);
  EXPECT_THAT(b.shape, testing::ElementsAre(2, 3));
  EXPECT_EQ(b.begin, 8 + kGood.size() + 8);
  EXPECT_EQ(b.end, file.size());
  EXPECT_EQ(header->unclaimed_bytes, 0U);
  EXPECT_TRUE(parse(file_of("{}", 0)));
}

TEST(SafetensorsTest, CountsTheBytesOfNobody) {
  EXPECT_EQ(parse(file_of(kGood, 35))->unclaimed_bytes, 3U);
  EXPECT_EQ(parse(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}})", 4))
                ->unclaimed_bytes,
            3U);
}

TEST(SafetensorsTest, AFileCutShortAnywhereIsRefused) {
  const std::string file = file_of(kGood, 32);
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(error_of(file.substr(0, size)), "") << size << " bytes";
  }
  EXPECT_THAT(error_of(file.substr(0, 5)), HasSubstr("5 bytes"));
  EXPECT_THAT(error_of(file.substr(0, 50)), HasSubstr("cut short"));
  EXPECT_THAT(error_of(file.substr(0, file.size() - 1)), HasSubstr("of 31 bytes of data"));
}

TEST(SafetensorsTest, AHeaderLengthBeyondReasonIsRefused) {
  EXPECT_THAT(error_of(file_of(kGood, 32, 1ULL << 63)),
              HasSubstr("header length is 9223372036854775808"));
  EXPECT_THAT(error_of(file_of(kGood, 32, ~0ULL)), HasSubstr("18446744073709551615"));
  EXPECT_THAT(error_of(file_of(kGood, 32, 100'000'001)), HasSubstr("at most 100000000"));
  EXPECT_THAT(error_of(file_of(kGood, 32, kGood.size() + 33)), HasSubstr("cut short"));
  EXPECT_THAT(error_of(file_of("", 32)), HasSubstr("does not begin with {"));
}

TEST(SafetensorsTest, WhatIsNotJsonIsRefused) {
  EXPECT_THAT(error_of(file_of("[]", 0)), HasSubstr("does not begin with {"));
  EXPECT_THAT(error_of(file_of(" {}", 0)), HasSubstr("does not begin with {"));
  EXPECT_THAT(error_of(file_of("{\"a\":", 0)), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(file_of("{} {}", 0)), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(file_of("{\"\xff\":1}", 0)), HasSubstr("not JSON"));
  EXPECT_THAT(error_of(file_of("{\"a\":" + std::string(5000, '['), 0)), HasSubstr("not JSON"));
}

TEST(SafetensorsTest, EveryFieldIsChecked) {
  EXPECT_THAT(error_of(changed(R"("F32")", R"("Q7")")), HasSubstr(R"(unknown dtype "Q7")"));
  EXPECT_THAT(error_of(changed(R"("dtype":"F32",)", "")), HasSubstr("no dtype"));
  EXPECT_THAT(error_of(changed(R"("F32")", "32")), HasSubstr("no dtype"));
  EXPECT_THAT(error_of(changed(R"({"dtype":"I64","shape":[],"data_offsets":[0,8]})", "7")),
              HasSubstr("an object"));
  EXPECT_THAT(error_of(changed("[2,3]", "6")), HasSubstr("shape of tensor \"b\" is not an array"));
  EXPECT_THAT(error_of(changed("[2,3]", "[2,-3]")), HasSubstr("whole numbers"));
  EXPECT_THAT(error_of(changed("[2,3]", "[2,3.0]")), HasSubstr("whole numbers"));
  EXPECT_THAT(error_of(changed("[2,3]", "[2,\"3\"]")), HasSubstr("whole numbers"));
  EXPECT_THAT(error_of(changed("[2,3]", "[2,4]")),
              HasSubstr("takes 24 bytes, but F32 [2, 4] asks for 32"));
  EXPECT_THAT(error_of(changed("[8,32]", "[8]")), HasSubstr("not two numbers"));
  EXPECT_THAT(error_of(changed("[8,32]", "[8,32,32]")), HasSubstr("not two numbers"));
  EXPECT_THAT(error_of(changed("[8,32]", "\"8-32\"")), HasSubstr("not an array"));
  EXPECT_THAT(error_of(changed(",\"data_offsets\":[8,32]", "")), HasSubstr("data_offsets"));
}

TEST(SafetensorsTest, OffsetsOutsideOrBackwardsAreRefused) {
  EXPECT_THAT(error_of(changed("[8,32]", "[9,33]")), HasSubstr("[9, 33) of 32 bytes"));
  EXPECT_THAT(error_of(changed("[8,32]", "[32,8]")), HasSubstr("[32, 8)"));
  EXPECT_THAT(error_of(changed("[8,32]", "[18446744073709551592,0]")),
              HasSubstr("18446744073709551592"));
  EXPECT_THAT(error_of(changed("[8,32]", "[8,1099511627808]")), HasSubstr("cut short"));
}

TEST(SafetensorsTest, SizesThatOverflowAreRefused) {
  EXPECT_THAT(error_of(changed("[2,3]", "[4611686018427387904,2]")), HasSubstr("more than 2^64"));
  EXPECT_THAT(error_of(changed("[2,3]", "[4294967296,4294967296]")), HasSubstr("more than 2^64"));
  EXPECT_THAT(error_of(changed("[2,3]", "[18446744073709551616]")), HasSubstr("whole numbers"));
  EXPECT_THAT(error_of(changed("[2,3]", "[1e30]")), HasSubstr("whole numbers"));
  std::string ones = "[6";
  for (int i = 0; i < 70; ++i) ones += ",1";
  EXPECT_THAT(error_of(changed("[2,3]", ones + "]")), HasSubstr("71 numbers"));
}

TEST(SafetensorsTest, SharedBytesAreRefused) {
  EXPECT_THAT(error_of(changed("[0,8]", "[4,12]")), HasSubstr("overlap"));
  EXPECT_THAT(error_of(changed(R"("a":{"dtype":"I64","shape":[],"data_offsets":[0,8]})",
                               R"("a":{"dtype":"F32","shape":[6],"data_offsets":[8,32]})")),
              HasSubstr(R"("a" and "b" overlap)"));
}

TEST(SafetensorsTest, ANameThatComesTwiceIsRefused) {
  EXPECT_THAT(error_of(changed(R"("a":)", R"("b":)")), HasSubstr("has a name twice"));
  EXPECT_THAT(error_of(changed(R"("dtype":"F32")", R"("dtype":"F32","dtype":"F32")")),
              HasSubstr("twice"));
  // Colons, quotes and backslashes in names are no members.
  EXPECT_EQ(error_of(changed(R"("a":)", R"("a\":\\:{":)")), "");
}

class SafetensorsFolderTest : public testing::Test {
 protected:
  SafetensorsFolderTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tenon-weights-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~SafetensorsFolderTest() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::string open_error() {
    const auto file = Safetensors::open_folder(folder_.string());
    return file ? "" : file.error().message;
  }
  std::filesystem::path folder_;
};

TEST_F(SafetensorsFolderTest, GivesViewsIntoTheFile) {
  write("model.safetensors", file_of(kGood, 32));
  const auto file = Safetensors::open_folder(folder_.string());
  ASSERT_TRUE(file) << file.error().message;
  const auto view = file->view(file->header().tensors.at("b"));
  EXPECT_EQ(view.bytes.size(), 24U);
  EXPECT_EQ(std::to_integer<char>(view.bytes[23]), 'd');
}

TEST_F(SafetensorsFolderTest, WhatLiesThereInsteadIsSaid) {
  EXPECT_THAT(open_error(), HasSubstr("model.safetensors"));
  write("pytorch_model.bin", "\x80\x04.");
  EXPECT_THAT(open_error(), testing::AllOf(HasSubstr("pickle"), HasSubstr("model.safetensors")));
  std::filesystem::remove(folder_ / "pytorch_model.bin");
  write("model.safetensors.index.json", "{}");
  EXPECT_THAT(open_error(), HasSubstr("several files"));
  write("model.safetensors", "");
  EXPECT_THAT(open_error(), HasSubstr("model.safetensors is empty"));
  std::filesystem::remove(folder_ / "model.safetensors");
  std::filesystem::create_directory(folder_ / "model.safetensors");
  EXPECT_THAT(open_error(), HasSubstr("model.safetensors is not a regular file"));
}

TEST_F(SafetensorsFolderTest, ErrorsBeginWithThePath) {
  write("model.safetensors", file_of(kGood, 3));
  EXPECT_THAT(open_error(), testing::StartsWith((folder_ / "model.safetensors").string() + ": "));
}

}  // namespace
}  // namespace tenon::weights
