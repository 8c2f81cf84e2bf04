"""Takes mail where it leads: into mailboxes today, to other servers when sending comes.

``acceptance`` is the moment of the 250: one unit of work that delivers what it can and queues the rest.
``local`` puts one queued message into its mailbox, ``worker`` leases what is due and keeps the schedule.
"""
