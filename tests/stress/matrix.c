// SPDX-License-Identifier: GPL-2.0
/* A job at each point of the dialogue, and what may happen to it there */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"
#include "job.h"
#include "server.h"
#include "tap.h"

#define MODULE	"/kftp/module/kftp.ko"
#define FILE_SIZE	100000

int main(void)
{
	struct server server = { .family = AF_INET, .size = FILE_SIZE };
	struct accounts before;

	signal(SIGPIPE, SIG_IGN);
	host_prepare();
	if (access("/sys/module/kftp", F_OK)) {
		errno = -module_load(MODULE, "");
		if (errno)
			die(MODULE);
	}
	netns_new();
	server.file = malloc(FILE_SIZE);
	fill(server.file, FILE_SIZE, 'n');
	server_start(&server);
	accounts_take(&before);
	job_make("get");
	job_must_store("get", "host", "127.0.0.1");
	job_must_store_number("get", "port", server.port);
	job_must_store("get", "src", "there");
	job_must_store("get", "dst", "/tmp/matrix.get");
	errno = -job_start("get");
	if (errno)
		die("start");
	verdict(job_wait("get", now() + 10 * slow) && job_is("get", "done") &&
		file_holds("/tmp/matrix.get", server.file, FILE_SIZE),
		"a file is fetched");
	unlink("/tmp/matrix.get");
	job_remove("get");
	accounts_check(&before, 1);
	server_stop(&server);
	return verdicts();
}
