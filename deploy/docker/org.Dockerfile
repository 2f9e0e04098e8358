# The simulated org with its example company, for a look at the pair without Salesforce.
FROM python:3.12-slim
RUN useradd --create-home --uid 10001 org
COPY salesforce_simulator /source/salesforce_simulator
RUN pip install --no-cache-dir /source/salesforce_simulator
USER org
CMD ["salesforce-simulator", "--company", "--port", "8080"]
