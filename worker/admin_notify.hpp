/*
 * The commands about what people are told: channels, alert rules, trackers, and the messages
 * that wait or were sent.
 */

#ifndef ERRTRACK_WORKER_ADMIN_NOTIFY_HPP
#define ERRTRACK_WORKER_ADMIN_NOTIFY_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void list_channels(const Options &options);
void add_channel(const Options &options);
void change_channel(const Options &options);
void delete_channel(const Options &options);
/* Has what waits for it tried at once. */
void resume_channel(const Options &options);

void list_alerts(const Options &options);
void add_alert(const Options &options);
void change_alert(const Options &options);
void delete_alert(const Options &options);

void list_trackers(const Options &options);
void set_tracker(const Options &options);
void delete_tracker(const Options &options);
void resume_tracker(const Options &options);
/* Has it asked whether it would take issues, and waits for what it says. */
void test_tracker(const Options &options);

/* Sends one, and waits for what becomes of it. */
void test_notifications(const Options &options);
void list_notifications(const Options &options);
void retry_notifications(const Options &options);

}

#endif
