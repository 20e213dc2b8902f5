#include "host/workers/channel.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tenon::workers {

Result<std::pair<Channel, Channel>> Channel::pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    return fail(Code::kExhausted, std::string("socketpair: ") + std::strerror(errno), true);
  }
  const int on = 1;
  ::setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  return std::pair{Channel(Descriptor(fds[0])), Channel(Descriptor(fds[1]))};
}

Channel::Sent Channel::send(std::string_view bytes, std::span<const int> fds, bool wait) const {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  for (;;) {
    if (::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) >= 0) {
      return Sent::kOk;
    }
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == ENOBUFS ? Sent::kFull : Sent::kGone;
  }
}

Channel::Received Channel::receive(Packet& packet, bool wait) const {
  packet.fds.clear();
  packet.pid = 0;
  packet.bytes.resize(kMaxMessageBytes);
  iovec part{packet.bytes.data(), packet.bytes.size()};
  alignas(cmsghdr)
      std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int)) + CMSG_SPACE(sizeof(ucred))>
          control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got;
  do {
    got = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) {
    packet.bytes.clear();
    return Received::kNothing;
  }
  for (cmsghdr* h = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr; h != nullptr;
       h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET) continue;
    const std::size_t bytes = h->cmsg_len - CMSG_LEN(0);
    if (h->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
        int fd;
        std::memcpy(&fd, CMSG_DATA(h) + at, sizeof fd);
        packet.fds.emplace_back(fd);
      }
    } else if (h->cmsg_type == SCM_CREDENTIALS && bytes >= sizeof(ucred)) {
      ucred credentials;
      std::memcpy(&credentials, CMSG_DATA(h), sizeof credentials);
      packet.pid = credentials.pid;
    }
  }
  if (got <= 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    packet.bytes.clear();
    packet.fds.clear();
    return Received::kGone;
  }
  packet.bytes.resize(static_cast<std::size_t>(got));
  return Received::kPacket;
}

}  // namespace tenon::workers
