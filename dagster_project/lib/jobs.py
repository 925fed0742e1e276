"""Names of the jobs, which the command line knows without Dagster."""

MAIN_JOB, TRAIN_JOB, SCORE_JOB = "main_job", "train_job", "score_job"
