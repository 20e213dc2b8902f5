#pragma once

#include <span>
#include <string>

#include "host/config/node.h"
#include "host/config/problems.h"

// The published form of manifests that this vocabulary follows (`apiVersion: beamlit.com/…`, both
// generations, and the objects of that API) as Tenon's own tables.
namespace tenon::config {

struct PublishedOptions {
  std::string runtime = {};  // of deployments whose own is not known here; "": that is an error
  // What has no place here is left out with a warning instead of being an error.
  bool lossy = false;
  // Where models of a hub lie: "org/name" is the folder "name" there; "": origins stay "hf:…".
  std::string models = {};
};

bool is_published(const Node& document);

// One table with [[policy]], [[environment]] and [[deployment]] as these documents have them. What
// a platform told of itself (status, events, who changed what) is no wish and is left out.
Node from_published(std::span<const Node> documents, const PublishedOptions&, Problems& errors,
                    Problems& warnings);

}  // namespace tenon::config
