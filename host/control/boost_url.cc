// The one place where Boost.URL is compiled: Debian's library is a package of its own.
#include <boost/url/src.hpp>
