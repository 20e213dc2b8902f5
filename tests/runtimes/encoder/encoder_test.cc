#include "runtimes/encoder/encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <random>

#include "tests/runtimes/encoder/small_model.h"

namespace tenon::encoder {
namespace {

using testing::HasSubstr;

using Rows = std::vector<std::vector<float>>;

Rows encode(Session& session, std::span<const std::vector<std::uint32_t>> sequences) {
  std::vector<std::uint32_t> ids;
  std::vector<std::uint32_t> ends;
  for (const auto& sequence : sequences) {
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    ends.push_back(static_cast<std::uint32_t>(ids.size()));
  }
  Rows rows;
  const auto done = session.encode({ids, {}, ends}, [&](std::size_t, std::span<const float> one) {
    rows.emplace_back(one.begin(), one.end());
  });
  EXPECT_TRUE(done) << done.error().message;
  return rows;
}

std::vector<std::vector<std::uint32_t>> some_sequences() {
  std::mt19937 random(2);
  std::vector<std::vector<std::uint32_t>> sequences;
  for (const std::size_t tokens :
       {1, 2, 5, 6, 7, 15, 16, 17, 33, 64, 65, 130, 1, 600, 300, 250, 3}) {
    auto& sequence = sequences.emplace_back(tokens);
    for (auto& id : sequence) id = random() % SmallModel::kVocabulary;
  }
  return sequences;
}

// A file without a name, closed with its owner.
class TemporaryFile {
 public:
  TemporaryFile() : fd_(memfd_create("packed", MFD_CLOEXEC)) {}
  ~TemporaryFile() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

class EncoderTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const auto isa = ops::choose_isa(GetParam());
    if (!isa) GTEST_SKIP() << isa.error().message;
    isa_ = *isa;
    model_.write_weights();
  }
  EncoderConfig config() const { return *EncoderConfig::from_folder(model_.folder()); }
  Result<Encoder> pack(int fd = -1) {
    return Encoder::pack(model_.folder(), config(), isa_, pool_, fd);
  }

  SmallModel model_;
  ops::Isa isa_{};
  ops::ThreadPool pool_{2};
};

INSTANTIATE_TEST_SUITE_P(, EncoderTest, testing::Values("scalar", "avx2", "avx512"),
                         [](const auto& info) { return info.param; });

TEST_P(EncoderTest, EqualsTheScalarPath) {
  const auto encoder = pack();
  ASSERT_TRUE(encoder) << encoder.error().message;
  const auto reference = Encoder::pack(model_.folder(), config(), ops::Isa::kScalar, pool_, -1);
  ASSERT_TRUE(reference);
  Session session(*encoder, pool_);
  Session other(*reference, pool_);
  const auto sequences = some_sequences();
  const Rows found = encode(session, sequences);
  const Rows expected = encode(other, sequences);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_THAT(found[i], testing::Pointwise(testing::FloatNear(2e-5F), expected[i]))
        << "sequence " << i;
  }
}

TEST_P(EncoderTest, ASequenceGivesTheSameBitsAloneAndInCompany) {
  const auto encoder = pack();
  ASSERT_TRUE(encoder);
  Session session(*encoder, pool_);
  ops::ThreadPool one(1);
  Session single(*encoder, one);
  const auto sequences = some_sequences();
  const Rows together = encode(session, sequences);
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    EXPECT_EQ(encode(single, {&sequences[i], 1})[0], together[i]) << "sequence " << i;
  }
}

TEST_P(EncoderTest, APackedFileGivesTheSameBits) {
  TemporaryFile file;
  const auto packed = pack(file.fd());
  ASSERT_TRUE(packed) << packed.error().message;
  const auto mapped = Encoder::map(model_.folder(), config(), isa_, file.fd(), &pool_);
  ASSERT_TRUE(mapped) << mapped.error().message;
  const auto kept = pack();
  Session a(*packed, pool_);
  Session b(*mapped, pool_);
  Session c(*kept, pool_);
  const auto sequences = some_sequences();
  const Rows rows = encode(a, sequences);
  EXPECT_EQ(encode(b, sequences), rows);
  EXPECT_EQ(encode(c, sequences), rows);
}

TEST_P(EncoderTest, ADamagedPackedFileIsRefused) {
  TemporaryFile file;
  ASSERT_TRUE(pack(file.fd()));
  const auto map = [&] {
    return Encoder::map(model_.folder(), config(), isa_, file.fd(), nullptr);
  };
  const auto size = lseek(file.fd(), 0, SEEK_END);
  for (const off_t at : {0, 8, 12, 16, 24, 32, 40, 48}) {
    char old = 0;
    ASSERT_EQ(pread(file.fd(), &old, 1, at), 1);
    const char bad = static_cast<char>(old ^ 0x40);
    ASSERT_EQ(pwrite(file.fd(), &bad, 1, at), 1);
    const auto mapped = map();
    ASSERT_FALSE(mapped) << "byte " << at;
    EXPECT_EQ(mapped.error().kind, Error::Kind::kInvalid);
    ASSERT_EQ(pwrite(file.fd(), &old, 1, at), 1);
  }
  ASSERT_TRUE(map());
  for (const off_t cut : {size - 1, off_t{55}, off_t{1}, off_t{0}, size + 1}) {
    ASSERT_EQ(ftruncate(file.fd(), cut), 0);
    ASSERT_FALSE(map()) << cut << " bytes";
  }
}

TEST_P(EncoderTest, APackedFileOfOtherWeightsIsRefused) {
  TemporaryFile file;
  ASSERT_TRUE(pack(file.fd()));
  model_.tensors()["another"] = {{3}};
  model_.write_weights();
  const auto mapped = Encoder::map(model_.folder(), config(), isa_, file.fd(), nullptr);
  ASSERT_FALSE(mapped);
  EXPECT_THAT(mapped.error().message, HasSubstr("another model.safetensors"));
  EncoderConfig other = config();
  other.layers = 1;
  EXPECT_FALSE(Encoder::map(model_.folder(), other, isa_, file.fd(), nullptr));
}

TEST_P(EncoderTest, ABadBatchIsRefusedBeforeAnythingIsComputed) {
  const auto encoder = pack();
  ASSERT_TRUE(encoder);
  Session session(*encoder, pool_);
  const std::vector<std::uint32_t> ids(700, 1);
  std::vector<std::uint32_t> strange = ids;
  strange[3] = SmallModel::kVocabulary;
  std::vector<std::uint32_t> types(700, 0);
  types[699] = 2;
  using Ends = std::vector<std::uint32_t>;
  struct Bad {
    std::span<const std::uint32_t> ids;
    std::span<const std::uint32_t> types;
    Ends ends;
    const char* message;
  };
  for (const Bad& bad : {
           Bad{ids, {}, {0, 700}, "sequence 0 is empty"},
           Bad{ids, {}, {10, 10, 700}, "sequence 1 is empty"},
           Bad{ids, {}, {10, 5}, "sequence 1 is empty"},
           Bad{ids, {}, {601, 700}, "has 601 tokens; the model has 600 positions"},
           Bad{ids, {}, {300, 701}, "ends behind the batch's ids"},
           Bad{ids, {}, {300, 600}, "end at 600 of 700"},
           Bad{strange, {}, {300, 700}, "the id 50; the vocabulary has 50"},
           Bad{ids, types, {300, 700}, "the type id 2; the model has 2"},
           Bad{ids, {types.data(), 10}, {300, 700}, "700 ids, but 10 type ids"},
       }) {
    bool called = false;
    const auto done = session.encode({bad.ids, bad.types, bad.ends},
                                     [&](std::size_t, std::span<const float>) { called = true; });
    ASSERT_FALSE(done) << bad.message;
    EXPECT_THAT(done.error().message, HasSubstr(bad.message));
    EXPECT_FALSE(called);
  }
  EXPECT_TRUE(session.encode({}, [](std::size_t, std::span<const float>) {}));
}

TEST_P(EncoderTest, TypeIdsCount) {
  const auto encoder = pack();
  ASSERT_TRUE(encoder);
  Session session(*encoder, pool_);
  const std::vector<std::uint32_t> ids = {1, 2, 3};
  const std::vector<std::uint32_t> ends = {3};
  Rows rows;
  const Sink keep = [&](std::size_t, std::span<const float> one) {
    rows.emplace_back(one.begin(), one.end());
  };
  ASSERT_TRUE(session.encode({ids, {}, ends}, keep));
  ASSERT_TRUE(session.encode({ids, std::vector<std::uint32_t>{0, 0, 0}, ends}, keep));
  ASSERT_TRUE(session.encode({ids, std::vector<std::uint32_t>{0, 1, 1}, ends}, keep));
  EXPECT_EQ(rows[0], rows[1]);
  EXPECT_NE(rows[0], rows[2]);
}

class EncoderWeightsTest : public testing::Test {
 protected:
  std::string pack_error() {
    ops::ThreadPool pool(1);
    const auto config = EncoderConfig::from_folder(model_.folder());
    const auto encoder = Encoder::pack(model_.folder(), *config, ops::Isa::kScalar, pool, -1);
    return encoder ? "" : encoder.error().message;
  }
  SmallModel model_;
};

TEST_F(EncoderWeightsTest, NamesMayHaveAPrefixAndCompany) {
  model_.tensors()["pooler.dense.weight"] = {{4, 4}};
  model_.write_weights("bert.");
  EXPECT_EQ(pack_error(), "");
}

TEST_F(EncoderWeightsTest, EverythingThatIsWrongIsNamedInOneMessage) {
  model_.tensors().erase("encoder.layer.1.attention.self.query.weight");
  model_.tensors()["encoder.layer.0.output.dense.bias"].shape = {37};
  model_.tensors()["embeddings.LayerNorm.bias"].dtype = "F16";
  model_.write_weights();
  const std::string message = pack_error();
  EXPECT_THAT(message, HasSubstr(model_.folder()));
  EXPECT_THAT(message, HasSubstr("3 tensors"));
  EXPECT_THAT(message, HasSubstr("missing encoder.layer.1.attention.self.query.weight [36, 36]"));
  EXPECT_THAT(message,
              HasSubstr("encoder.layer.0.output.dense.bias is F32 [37], expected F32 [36]"));
  EXPECT_THAT(message, HasSubstr("embeddings.LayerNorm.bias is F16 [36], expected F32 [36]"));
}

TEST_F(EncoderWeightsTest, BytesOfNobodyAreRefused) {
  model_.write_weights("", 5);
  EXPECT_THAT(pack_error(), HasSubstr("5 bytes that belong to no tensor"));
}

TEST_F(EncoderWeightsTest, AFootprintComesFromMetadataAlone) {
  model_.write_weights();
  const auto config = EncoderConfig::from_folder(model_.folder());
  const auto footprint = estimate(model_.folder(), *config);
  ASSERT_TRUE(footprint) << footprint.error().message;
  ops::ThreadPool pool(1);
  const auto encoder = Encoder::pack(model_.folder(), *config, ops::detect_isa(), pool, -1);
  ASSERT_TRUE(encoder);
  EXPECT_EQ(footprint->mapped, encoder->mapped_bytes());
  Session session(*encoder, pool);
  encode(session, std::vector<std::vector<std::uint32_t>>{{1, 2}});
  EXPECT_EQ(footprint->anonymous, session.scratch_bytes());
}

TEST(PoolingTest, EachKindIsWhatItsNameSays) {
  const std::vector<float> rows = {1, 5, 2, 3, 6, -2};
  std::vector<float> out(2);
  pool_rows(Pooling::kCls, rows, out);
  EXPECT_THAT(out, testing::ElementsAre(1, 5));
  pool_rows(Pooling::kMean, rows, out);
  EXPECT_THAT(out, testing::ElementsAre(3, 2));
  pool_rows(Pooling::kMax, rows, out);
  EXPECT_THAT(out, testing::ElementsAre(6, 5));
}

TEST(PoolingTest, NormaliseScalesToLengthOne) {
  std::vector<float> values = {3, 4};
  normalise(values);
  EXPECT_THAT(values, testing::ElementsAre(0.6F, 0.8F));
  values = {0, 0};
  normalise(values);
  EXPECT_TRUE(std::isnan(values[0]));
}

}  // namespace
}  // namespace tenon::encoder
