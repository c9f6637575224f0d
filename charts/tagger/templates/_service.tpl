{{/* A Service: (list $ NAME PORT-NUMBER PORT-NAME TARGET). Each leads to a port that serves nothing else, so that whoever exposes one of them
     exposes no other. */}}
{{- define "tagger.service" -}}
{{- $root := index . 0 -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "tagger.metadata" (list $root (index . 1) $root.Release.Namespace (index . 4)) | nindent 2 }}
spec:
  selector:
    {{- include "tagger.selector" $root | nindent 4 }}
  ports:
  - name: {{ index . 3 }}
    port: {{ index . 2 }}
    targetPort: {{ index . 4 }}
    protocol: TCP
{{- end -}}
