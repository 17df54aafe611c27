#include "state.h"

#include "netlink.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct state read_state(const char *path) {
  int fd = open(path, O_RDONLY);
  struct stat info;
  if (fd < 0 || fstat(fd, &info) < 0) die(path);
  unsigned char *bytes = malloc((size_t)info.st_size + 1);
  if (bytes == NULL || read(fd, bytes, (size_t)info.st_size) != info.st_size) die("read");
  close(fd);
  struct state state = {.header = (void *)bytes};
  size_t size = sizeof *state.header;
  if ((size_t)info.st_size >= size && state.header->magic == STATE_MAGIC) {
    state.vteps = (void *)(bytes + size);
    size += state.header->vteps * sizeof *state.vteps;
    state.routes = (void *)(bytes + size);
    size += state.header->routes * sizeof *state.routes;
  }
  if ((size_t)info.st_size != size || state.routes == NULL) {
    fprintf(stderr, "%s is not a state file\n", path);
    exit(1);
  }
  return state;
}
