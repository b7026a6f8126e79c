/* SPDX-License-Identifier: GPL-2.0 */
/* No file is changed or sent while the system hibernates */
#ifndef _KFTP_PAUSE_H
#define _KFTP_PAUSE_H

void kftp_pause_enter(void);
void kftp_pause_leave(void);
void kftp_pause_wait(void);

int kftp_pause_init(void);
void kftp_pause_exit(void);

#endif /* _KFTP_PAUSE_H */
