/*
 * Lets linux.uml run on processors with AMX. It saves and restores a guest thread's vector registers in a fixed
 * 2,696 bytes; the host's kernel accepts a register set only whole, which with AMX is 11,008 bytes, so every
 * restore fails with EFAULT and the guest dies at its first program. Loaded with LD_PRELOAD, this completes the
 * short set with what the host has for that thread. Guests do not use the part added (the matrix tiles).
 */
#define _GNU_SOURCE
#include <elf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char whole[65536] __attribute__((aligned(64)));

long ptrace(enum __ptrace_request request, ...)
{
	va_list words;
	va_start(words, request);
	pid_t pid = va_arg(words, pid_t);
	void *address = va_arg(words, void *);
	void *data = va_arg(words, void *);
	va_end(words);

	struct iovec set = {whole, sizeof(whole)};
	if (request == PTRACE_SETREGSET && (long)address == NT_X86_XSTATE) {
		struct iovec *given = data;
		if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &set) == 0 && given->iov_len < set.iov_len) {
			memcpy(whole, given->iov_base, given->iov_len);
			data = &set;
		}
	}
	/* The PEEK requests, whose results the C library returns instead of storing, are the kernel's other way round. */
	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
		long value;
		long result = syscall(SYS_ptrace, request, pid, address, &value);
		return result < 0 ? result : value;
	}
	return syscall(SYS_ptrace, request, pid, address, data);
}
