#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>

#include "host/domain/error.h"
#include "host/domain/host_spec.h"
#include "host/gateway/loop.h"

namespace tenon::gateway {

using Acceptor =
    boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol, Executor>;

// Listens at the address; gives it as bound, with a real port for port 0. A Unix socket that an
// ended host left behind is replaced; only its owner may open the new one.
Result<ListenAddress> open_acceptor(Acceptor&, const ListenAddress&);

// Whether the process at the other end of a Unix socket is of this process's user, or root's.
bool is_own_user(int socket);

}  // namespace tenon::gateway
