#include "route-dump.h"

#include "netlink.h"

#include <sys/socket.h>

void dump_main_table(int fd, uint32_t sequence, void (*visit)(struct nlmsghdr *, void *), void *context) {
  struct {
    struct nlmsghdr header;
    struct rtmsg route;
  } request = {
      .header = {.nlmsg_len = sizeof request,
                 .nlmsg_type = RTM_GETROUTE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = sequence},
      .route = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN},
  };
  if (send(fd, &request, sizeof request, 0) < 0) die("send");
  for (;;) {
    static _Alignas(8) unsigned char bytes[1 << 16];
    ssize_t size = recv(fd, bytes, sizeof bytes, 0);
    if (size < 0) die("recv");
    int left = (int)size;
    for (struct nlmsghdr *message = (void *)bytes; NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_type == NLMSG_DONE) return;
      if (message->nlmsg_type == NLMSG_ERROR) die("dump refused");
      if (message->nlmsg_type == RTM_NEWROUTE) visit(message, context);
    }
  }
}
