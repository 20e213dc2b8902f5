#include <gtest/gtest.h>

#include "host/domain/flavor.h"
#include "host/domain/location.h"
#include "host/domain/resource.h"

namespace tenon {
namespace {

TEST(FlavorTest, IsTypeAndNameInEitherCase) {
  EXPECT_EQ(parse_flavor("cpu/x86"), (Flavor{FlavorType::kCpu, "x86"}));
  EXPECT_EQ(parse_flavor("GPU/H100-1g.10GB"), (Flavor{FlavorType::kGpu, "h100-1g.10gb"}));
  EXPECT_EQ(to_string(Flavor{FlavorType::kGpu, "t4"}), "gpu/t4");
}

TEST(FlavorTest, RefusesWhatIsNone) {
  for (const auto* text :
       {"", "x86", "cpu/", "/x86", "tpu/v5", "gpu/h 100", "gpu/-h100", "gpu//"}) {
    const auto flavor = parse_flavor(text);
    ASSERT_FALSE(flavor) << text;
    EXPECT_NE(flavor.error().message.find("\"gpu/h100\""), std::string::npos);
  }
}

TEST(LocationTest, ACountryAndAContinentCoverTheirPlaces) {
  const Location portland{"portland", "us", "na"};
  EXPECT_TRUE(covers(*parse_location_ref("continent/NA"), portland));
  EXPECT_TRUE(covers(*parse_location_ref("Country/us"), portland));
  EXPECT_TRUE(covers(*parse_location_ref("location/portland"), portland));
  EXPECT_FALSE(covers(*parse_location_ref("country/na"), portland));
  EXPECT_FALSE(covers(*parse_location_ref("location/us"), portland));
}

TEST(LocationTest, RefusesWhatIsNoPlace) {
  for (const auto* text : {"", "eu", "continent/", "region/eu", "continent/e u"}) {
    EXPECT_FALSE(parse_location_ref(text)) << text;
  }
}

TEST(ResourceTest, IsNamedByKindAndPlace) {
  EXPECT_EQ(to_string(ResourceKey{Kind::kDeployment, "default", "minilm", "production"}),
            "deployment default/minilm@production");
  EXPECT_EQ(to_string(ResourceKey{Kind::kPolicy, "default", "eu-only", ""}),
            "policy default/eu-only");
  EXPECT_EQ(to_string(ResourceKey{Kind::kLocation, "", "portland", ""}), "location portland");
}

}  // namespace
}  // namespace tenon
