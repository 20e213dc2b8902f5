#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tenon {

// The known name that a mistyped one most likely meant; nothing when none is near. Case, '_' and
// '-' do not count ("max_replicas" means "maxReplicas").
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> known);

// "; did you mean 'maxReplicas'?", or nothing: to end a message with.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace tenon
