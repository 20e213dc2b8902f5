// Boost.JSON, compiled here: its archive is not position independent, so no plugin can carry it.
#include <boost/json/src.hpp>
